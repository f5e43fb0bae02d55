/** Applications in PostgreSQL. @module */

import { PosthornError } from '../../domain/errors.ts'
import { applicationOf } from '../rows/application.ts'
import { toJson } from '../rows/cells.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import type { Notices } from './notices.ts'
import { sql } from './sql.ts'
import { cell, changeClause, pageClause, refuseTaken } from './tables.ts'

type ApplicationMethods =
  | 'createApplication'
  | 'findApplication'
  | 'listApplications'
  | 'findPolicy'
  | 'updateApplication'
  | 'deleteApplication'

/** The methods on applications. */
export function applicationMethods(database: Database, notices: Notices): Pick<Store, ApplicationMethods> {
  const taken = () =>
    new PosthornError('uid_exists', 'Another application has this uid', { hint: 'Choose another' })

  return {
    async createApplication(application) {
      const insert = database.change(
        sql`INSERT INTO application (id, organisation_id, uid, name, throttle_rate, retry_schedule, metadata, created_at,
              updated_at)
            VALUES (${application.id}, ${application.organisationId}, ${application.uid}, ${application.name},
              ${application.throttleRate}, ${toJson(application.retryScheduleMs)}, ${toJson(application.metadata)},
              ${application.createdAt}, ${application.updatedAt})`,
      )
      await refuseTaken(insert, 'application_uid', taken)
    },

    async findApplication(organisationId, idOrUid) {
      // A uid cannot begin with the id's prefix, so at most one row answers.
      const row = await database.row(
        sql`SELECT * FROM application
            WHERE id = ${idOrUid} AND organisation_id = ${organisationId} AND deleted_at IS NULL
            UNION ALL
            SELECT * FROM application WHERE organisation_id = ${organisationId} AND uid = ${idOrUid}`,
      )
      return row === undefined ? null : applicationOf(row)
    },

    async listApplications(organisationId, page) {
      const conditions = [sql`organisation_id = ${organisationId} AND deleted_at IS NULL`]
      const rows = await database.rows(sql`SELECT * FROM application ${pageClause('id', page, conditions)}`)
      return rows.map(applicationOf)
    },

    async findPolicy(applicationId) {
      const row = await database.row(
        sql`SELECT organisation_id, uid, throttle_rate, retry_schedule FROM application WHERE id = ${applicationId}`,
      )
      if (row === undefined) return null
      const organisationId = row['organisation_id'] as string
      const eventTypes = await database.rows(
        sql`SELECT name, retry_schedule FROM event_type
            WHERE organisation_id = ${organisationId} AND retry_schedule IS NOT NULL`,
      )
      return {
        organisationId,
        uid: row['uid'] as string | null,
        throttleRate: row['throttle_rate'] as number | null,
        retryScheduleMs: row['retry_schedule'] as number[] | null,
        eventTypeSchedulesMs: Object.fromEntries(
          eventTypes.map((type) => [type['name'] as string, type['retry_schedule'] as number[]]),
        ),
      }
    },

    async updateApplication(organisationId, id, changes, now) {
      const set = changeClause(
        changes,
        {
          uid: cell.plain('uid'),
          name: cell.plain('name'),
          throttleRate: cell.plain('throttle_rate'),
          retryScheduleMs: cell.json('retry_schedule'),
          metadata: cell.json('metadata'),
        },
        now,
      )
      const update = notices.writeTold(id, (transaction) =>
        transaction.row(
          sql`UPDATE application SET ${set}
              WHERE organisation_id = ${organisationId} AND id = ${id} AND deleted_at IS NULL RETURNING *`,
        ),
      )
      const row = await refuseTaken(update, 'application_uid', taken)
      return row === undefined ? null : applicationOf(row)
    },

    deleteApplication: (organisationId, id, now) =>
      notices.writeTold(id, async (transaction) => {
        const changes = await transaction.change(
          sql`UPDATE application SET deleted_at = ${now}, uid = NULL
              WHERE organisation_id = ${organisationId} AND id = ${id} AND deleted_at IS NULL`,
        )
        if (changes === 0) return false
        await transaction.change(
          sql`UPDATE endpoint SET deleted_at = ${now}, uid = NULL WHERE application_id = ${id} AND deleted_at IS NULL`,
        )
        return true
      }),
  }
}
