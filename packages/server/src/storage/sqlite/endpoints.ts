/** Endpoints in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { type Endpoint, MAX_LIVE_SECRETS, afterRotation } from '../../domain/endpoint.ts'
import { mergeHeaders } from '../../domain/endpoint-headers.ts'
import { PosthornError } from '../../domain/errors.ts'
import { heldUnverified } from '../../domain/ownership.ts'
import { toJson } from '../rows/cells.ts'
import { PENDING } from '../rows/delivery.ts'
import { endpointOf, sealAuth, sealJson } from '../rows/endpoint.ts'
import type { SecretBox } from '../secret-box.ts'
import { eventAccepter } from './accepts.ts'
import {
  type Row,
  type Synchronous,
  cell,
  changeClause,
  pageClause,
  refuseTaken,
  statementCache,
} from './tables.ts'

type EndpointMethods =
  | 'createEndpoint'
  | 'findEndpoint'
  | 'listEndpoints'
  | 'updateEndpoint'
  | 'patchEndpointHeaders'
  | 'rotateEndpointSecret'
  | 'deleteEndpoint'

/** An endpoint that is enabled starts anew. */
const FRESH = ', failing_since = NULL, disabled_reason = NULL'

const LIVE = 'application_id = ? AND id = ? AND deleted_at IS NULL'

/** The methods on endpoints. */
export function endpointMethods(database: DatabaseSync, box: SecretBox): Synchronous<EndpointMethods> {
  const prepared = statementCache(database)
  const acceptEvents = eventAccepter(database)
  const taken = () =>
    new PosthornError('uid_exists', 'Another endpoint of this application has this uid', {
      hint: 'Choose another',
    })

  const findLive = (applicationId: string, id: string): Endpoint | null => {
    const row = prepared(`SELECT * FROM endpoint WHERE ${LIVE}`).get(applicationId, id)
    return row === undefined ? null : endpointOf(row, box)
  }

  return {
    createEndpoint(endpoint, events) {
      refuseTaken(
        () =>
          prepared(
            `INSERT INTO endpoint (application_id, id, uid, url, description, disabled, event_types, channels, secret,
               throttle_rate, metadata, created_at, updated_at, headers, old_secrets, settings, disabled_reason, auth)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          ).run(
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
            sealJson(endpoint.headers, box),
            sealJson(endpoint.oldSecrets, box),
            JSON.stringify(endpoint.settings),
            endpoint.disabledReason,
            sealAuth(endpoint.auth, box),
          ),
        taken,
      )
      acceptEvents(events, null)
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

    updateEndpoint(applicationId, id, given, now, events) {
      // A refusal has to come before the write, and a secret that does not open with this key is one.
      const before = findLive(applicationId, id)
      if (before === null) return null
      const { settings, ...changes } = heldUnverified(before, given)
      const settingsAfter = { ...before.settings, ...settings }
      const isEnabled = before.disabled && changes.disabled === false
      const { sql, values } = changeClause(changes, {
        uid: cell.text('uid'),
        url: cell.text('url'),
        description: cell.text('description'),
        disabled: cell.flag('disabled'),
        eventTypes: cell.json('event_types'),
        channels: cell.json('channels'),
        throttleRate: cell.number('throttle_rate'),
        metadata: cell.json('metadata'),
        headers: (headers) => ['headers', sealJson(headers ?? {}, box)],
        auth: (auth) => ['auth', sealAuth(auth, box)],
        disabledReason: cell.text('disabled_reason'),
      })
      const row = refuseTaken(
        () =>
          prepared(
            `UPDATE endpoint SET ${sql}, settings = ?${isEnabled ? FRESH : ''} WHERE ${LIVE} RETURNING *`,
          ).get(...values, now, JSON.stringify(settingsAfter), applicationId, id),
        taken,
      )
      if (before.settings.ordering !== 'fifo' && settingsAfter.ordering === 'fifo') lineUp(applicationId, id)
      const after = endpointOf(row!, box)
      const isTurned = after.disabled !== before.disabled
      acceptEvents(events, isTurned ? (after.disabled ? 'disabled' : 'enabled') : null)
      return after
    },

    patchEndpointHeaders(applicationId, id, changes, now) {
      const endpoint = findLive(applicationId, id)
      if (endpoint === null) return false
      const headers = sealJson(mergeHeaders(endpoint.headers, changes), box)
      prepared(`UPDATE endpoint SET headers = ?, updated_at = ? WHERE ${LIVE}`).run(
        headers,
        now,
        applicationId,
        id,
      )
      return true
    },

    rotateEndpointSecret(applicationId, id, { secret, graceMs }, now) {
      const endpoint = findLive(applicationId, id)
      if (endpoint === null) return false
      const oldSecrets = afterRotation(endpoint, { secret, graceMs, now })
      if (oldSecrets.length >= MAX_LIVE_SECRETS) {
        throw new PosthornError(
          'limit_reached',
          `${MAX_LIVE_SECRETS} secrets of this endpoint sign already`,
          {
            hint: 'Try again when the oldest has expired, or give gracePeriodSeconds 0',
          },
        )
      }
      prepared(`UPDATE endpoint SET secret = ?, old_secrets = ?, updated_at = ? WHERE ${LIVE}`).run(
        box.seal(secret),
        sealJson(oldSecrets, box),
        now,
        applicationId,
        id,
      )
      return true
    },

    deleteEndpoint(applicationId, id, now, events) {
      const { changes } = prepared(`UPDATE endpoint SET deleted_at = ?, uid = NULL WHERE ${LIVE}`).run(
        now,
        applicationId,
        id,
      )
      if (changes === 0) return false
      acceptEvents(events, null)
      return true
    },
  }

  /** Gives places in the line to what waits for an endpoint that becomes ordered, the oldest message first. */
  function lineUp(applicationId: string, endpointId: string): void {
    const key = [applicationId, endpointId] as const
    prepared(
      `INSERT INTO endpoint_line SELECT ?1, ?2, 0 WHERE true ON CONFLICT (application_id, endpoint_id) DO NOTHING`,
    ).run(...key)
    prepared(
      `UPDATE delivery SET ordinal = line.place FROM (
         SELECT message_id AS id, (SELECT last FROM endpoint_line WHERE application_id = ?1 AND endpoint_id = ?2)
           + row_number() OVER (ORDER BY message_id) AS place
         FROM delivery WHERE application_id = ?1 AND endpoint_id = ?2 AND status = ${PENDING}) AS line
       WHERE application_id = ?1 AND endpoint_id = ?2 AND message_id = line.id`,
    ).run(...key)
    prepared(
      `UPDATE endpoint_line SET last = max(last, coalesce((
         SELECT max(ordinal) FROM delivery INDEXED BY delivery_ordered
         WHERE application_id = ?1 AND endpoint_id = ?2 AND ordinal IS NOT NULL AND status = ${PENDING}), 0))
       WHERE application_id = ?1 AND endpoint_id = ?2`,
    ).run(...key)
  }
}
