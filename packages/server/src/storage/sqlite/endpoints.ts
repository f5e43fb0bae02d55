/** Endpoints in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import type { Metadata } from '../../domain/application.ts'
import type { Endpoint } from '../../domain/endpoint.ts'
import { PosthornError } from '../../domain/errors.ts'
import type { SecretBox } from '../secret-box.ts'
import {
  type Row,
  type Synchronous,
  cell,
  changeClause,
  fromJson,
  pageClause,
  refuseTaken,
  statementCache,
  toJson,
} from './tables.ts'

type EndpointMethods =
  'createEndpoint' | 'findEndpoint' | 'listEndpoints' | 'updateEndpoint' | 'deleteEndpoint'

/** The methods on endpoints. */
export function endpointMethods(database: DatabaseSync, box: SecretBox): Synchronous<EndpointMethods> {
  const prepared = statementCache(database)
  const taken = () =>
    new PosthornError('uid_exists', 'Another endpoint of this application has this uid', {
      hint: 'Choose another',
    })

  return {
    createEndpoint(endpoint) {
      refuseTaken(
        () =>
          prepared('INSERT INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)').run(
            endpoint.applicationId,
            endpoint.id,
            endpoint.uid,
            endpoint.url,
            endpoint.description,
            Number(endpoint.disabled),
            toJson(endpoint.eventTypes),
            toJson(endpoint.channels),
            box.seal(endpoint.secret),
            endpoint.throttleRate,
            toJson(endpoint.metadata),
            endpoint.createdAt,
            endpoint.updatedAt,
          ),
        taken,
      )
    },

    findEndpoint(applicationId, idOrUid) {
      const row = prepared(
        `SELECT * FROM endpoint WHERE application_id = ?2 AND id = ?1 AND deleted_at IS NULL
         UNION ALL
         SELECT * FROM endpoint WHERE application_id = ?2 AND uid = ?1`,
      ).get(idOrUid, applicationId)
      return row === undefined ? null : endpointOf(row, box)
    },

    listEndpoints(applicationId, page) {
      const { sql, values } = pageClause('id', page, [
        ['application_id = ? AND deleted_at IS NULL', applicationId],
      ])
      return prepared(`SELECT * FROM endpoint ${sql}`)
        .all(...values)
        .map((row) => endpointOf(row as Row, box))
    },

    updateEndpoint(applicationId, id, changes, now) {
      const current = prepared(
        'SELECT secret FROM endpoint WHERE application_id = ? AND id = ? AND deleted_at IS NULL',
      ).get(applicationId, id)
      if (current === undefined) return null
      // A refusal has to come before the write, and a secret that does not open with this key is one.
      box.open(current['secret'] as Uint8Array)
      const { sql, values } = changeClause(changes, {
        uid: cell.text('uid'),
        url: cell.text('url'),
        description: cell.text('description'),
        disabled: cell.flag('disabled'),
        eventTypes: cell.json('event_types'),
        channels: cell.json('channels'),
        throttleRate: cell.number('throttle_rate'),
        metadata: cell.json('metadata'),
      })
      const row = refuseTaken(
        () =>
          prepared(
            `UPDATE endpoint SET ${sql} WHERE application_id = ? AND id = ? AND deleted_at IS NULL RETURNING *`,
          ).get(...values, now, applicationId, id),
        taken,
      )
      return row === undefined ? null : endpointOf(row, box)
    },

    deleteEndpoint: (applicationId, id, now) =>
      prepared(
        `UPDATE endpoint SET deleted_at = ?, uid = NULL WHERE application_id = ? AND id = ? AND deleted_at IS NULL`,
      ).run(now, applicationId, id).changes !== 0,
  }
}

/** Reads a row of `endpoint`. */
export function endpointOf(row: Row, box: SecretBox): Endpoint {
  return {
    id: row['id'] as string,
    applicationId: row['application_id'] as string,
    uid: row['uid'] as string | null,
    url: row['url'] as string,
    description: row['description'] as string,
    disabled: row['disabled'] === 1,
    eventTypes: fromJson<string[] | null>(row['event_types']),
    channels: fromJson<string[] | null>(row['channels']),
    secret: box.open(row['secret'] as Uint8Array),
    throttleRate: row['throttle_rate'] as number | null,
    metadata: fromJson<Metadata>(row['metadata']),
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}
