/** Applications in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import { applicationOf } from '../rows/application.ts'
import { fromJson, toJson } from '../rows/cells.ts'
import {
  type Row,
  type Synchronous,
  cell,
  changeClause,
  pageClause,
  refuseTaken,
  statementCache,
} from './tables.ts'

type ApplicationMethods =
  | 'createApplication'
  | 'findApplication'
  | 'listApplications'
  | 'findPolicy'
  | 'updateApplication'
  | 'deleteApplication'

/** The methods on applications. */
export function applicationMethods(database: DatabaseSync): Synchronous<ApplicationMethods> {
  const prepared = statementCache(database)
  const taken = () =>
    new PosthornError('uid_exists', 'Another application has this uid', { hint: 'Choose another' })

  return {
    createApplication(application) {
      refuseTaken(
        () =>
          prepared('INSERT INTO application VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)').run(
            application.id,
            application.organisationId,
            application.uid,
            application.name,
            application.throttleRate,
            toJson(application.metadata),
            application.createdAt,
            application.updatedAt,
            toJson(application.retryScheduleMs),
          ),
        taken,
      )
    },

    findApplication(organisationId, idOrUid) {
      // A uid cannot begin with the id's prefix, so at most one row answers.
      const row = prepared(
        `SELECT * FROM application WHERE id = ?1 AND organisation_id = ?2 AND deleted_at IS NULL
         UNION ALL
         SELECT * FROM application WHERE organisation_id = ?2 AND uid = ?1`,
      ).get(idOrUid, organisationId)
      return row === undefined ? null : applicationOf(row)
    },

    listApplications(organisationId, page) {
      const { sql, values } = pageClause('id', page, [
        ['organisation_id = ? AND deleted_at IS NULL', organisationId],
      ])
      return prepared(`SELECT * FROM application ${sql}`)
        .all(...values)
        .map((row) => applicationOf(row as Row))
    },

    findPolicy(applicationId) {
      const row = prepared(
        'SELECT organisation_id, uid, throttle_rate, retry_schedule FROM application WHERE id = ?',
      ).get(applicationId)
      if (row === undefined) return null
      const organisationId = row['organisation_id'] as string
      const eventTypes = prepared(
        'SELECT name, retry_schedule FROM event_type WHERE organisation_id = ? AND retry_schedule IS NOT NULL',
      ).all(organisationId)
      return {
        organisationId,
        uid: row['uid'] as string | null,
        throttleRate: row['throttle_rate'] as number | null,
        retryScheduleMs: fromJson<number[] | null>(row['retry_schedule']),
        eventTypeSchedulesMs: Object.fromEntries(
          eventTypes.map((type) => [type['name'], fromJson<number[]>(type['retry_schedule'])]),
        ),
      }
    },

    updateApplication(organisationId, id, changes, now) {
      const { sql, values } = changeClause(changes, {
        uid: cell.text('uid'),
        name: cell.text('name'),
        throttleRate: cell.number('throttle_rate'),
        retryScheduleMs: cell.json('retry_schedule'),
        metadata: cell.json('metadata'),
      })
      const row = refuseTaken(
        () =>
          prepared(
            `UPDATE application SET ${sql} WHERE organisation_id = ? AND id = ? AND deleted_at IS NULL RETURNING *`,
          ).get(...values, now, organisationId, id),
        taken,
      )
      return row === undefined ? null : applicationOf(row)
    },

    deleteApplication(organisationId, id, now) {
      const { changes } = prepared(
        `UPDATE application SET deleted_at = ?, uid = NULL WHERE organisation_id = ? AND id = ? AND deleted_at IS NULL`,
      ).run(now, organisationId, id)
      if (changes === 0) return false
      prepared(
        'UPDATE endpoint SET deleted_at = ?, uid = NULL WHERE application_id = ? AND deleted_at IS NULL',
      ).run(now, id)
      return true
    },
  }
}
