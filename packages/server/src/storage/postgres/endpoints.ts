/** Endpoints in PostgreSQL. @module */

import { type Endpoint, MAX_LIVE_SECRETS, afterRotation } from '../../domain/endpoint.ts'
import { mergeHeaders } from '../../domain/endpoint-headers.ts'
import { PosthornError } from '../../domain/errors.ts'
import type { Turn } from '../../domain/operational-event.ts'
import { heldUnverified } from '../../domain/ownership.ts'
import type { EventRequest } from '../port/accepts.ts'
import { toJson } from '../rows/cells.ts'
import { endpointOf, sealAuth, sealJson } from '../rows/endpoint.ts'
import type { Store } from '../store.ts'
import { type DueWord, acceptAll, eventsFor } from './accepts.ts'
import type { Database, Queries } from './database.ts'
import type { KeyRing } from './encryption-keys.ts'
import { lineUp } from './lines.ts'
import type { Notices } from './notices.ts'
import { raw, sql } from './sql.ts'
import { cell, changeClause, pageClause, refuseTaken } from './tables.ts'

type EndpointMethods =
  | 'createEndpoint'
  | 'findEndpoint'
  | 'listEndpoints'
  | 'updateEndpoint'
  | 'patchEndpointHeaders'
  | 'rotateEndpointSecret'
  | 'deleteEndpoint'

/** An endpoint that is enabled starts anew. */
const FRESH = raw(', failing_since = NULL, disabled_reason = NULL')

/** What methods on endpoints are made of. */
export interface EndpointDeps {
  readonly database: Database
  readonly notices: Notices
  readonly keys: KeyRing
  /** The word that goes with operational events. */
  readonly due: () => DueWord
}

/** The methods on endpoints. */
export function endpointMethods({
  database,
  notices,
  keys,
  due,
}: EndpointDeps): Pick<Store, EndpointMethods> {
  const taken = () =>
    new PosthornError('uid_exists', 'Another endpoint of this application has this uid', {
      hint: 'Choose another',
    })

  const acceptEvents = async (
    transaction: Queries,
    events: readonly EventRequest[] | undefined,
    turn: Turn | null,
  ) => {
    const some = eventsFor(events, turn)
    if (some.length > 0) await acceptAll(transaction, some, due())
  }

  return {
    async createEndpoint(endpoint, events) {
      const create = notices.writeTold(endpoint.applicationId, async (transaction) => {
        const box = await keys.sealer(transaction)
        await transaction.change(
          sql`INSERT INTO endpoint (application_id, id, uid, url, description, disabled, event_types, channels, secret,
                throttle_rate, metadata, created_at, updated_at, headers, old_secrets, settings, disabled_reason, auth)
              VALUES (${endpoint.applicationId}, ${endpoint.id}, ${endpoint.uid}, ${endpoint.url},
                ${endpoint.description}, ${endpoint.disabled}, ${toJson(endpoint.eventTypes)},
                ${toJson(endpoint.channels)}, ${box.seal(endpoint.secret)}, ${endpoint.throttleRate},
                ${toJson(endpoint.metadata)}, ${endpoint.createdAt}, ${endpoint.updatedAt},
                ${sealJson(endpoint.headers, box)}, ${sealJson(endpoint.oldSecrets, box)},
                ${toJson(endpoint.settings)}, ${endpoint.disabledReason}, ${sealAuth(endpoint.auth, box)})`,
        )
        await acceptEvents(transaction, events, null)
      })
      await refuseTaken(create, 'endpoint_uid', taken)
    },

    async findEndpoint(applicationId, idOrUid) {
      const row = await database.row(
        sql`SELECT * FROM endpoint WHERE application_id = ${applicationId} AND id = ${idOrUid} AND deleted_at IS NULL
            UNION ALL
            SELECT * FROM endpoint WHERE application_id = ${applicationId} AND uid = ${idOrUid}`,
      )
      return row === undefined ? null : endpointOf(row, keys)
    },

    async listEndpoints(applicationId, page) {
      const conditions = [sql`application_id = ${applicationId} AND deleted_at IS NULL`]
      const rows = await database.rows(sql`SELECT * FROM endpoint ${pageClause('id', page, conditions)}`)
      return rows.map((row) => endpointOf(row, keys))
    },

    updateEndpoint(applicationId, id, given, now, events) {
      const update = notices.writeTold(applicationId, async (transaction) => {
        const before = await findLive(transaction, applicationId, id)
        if (before === null) return null
        const box = await keys.sealer(transaction)
        const { settings, ...changes } = heldUnverified(before, given)
        const settingsAfter = { ...before.settings, ...settings }
        const isEnabled = before.disabled && changes.disabled === false
        const set = changeClause(
          changes,
          {
            uid: cell.plain('uid'),
            url: cell.plain('url'),
            description: cell.plain('description'),
            disabled: cell.plain('disabled'),
            eventTypes: cell.json('event_types'),
            channels: cell.json('channels'),
            throttleRate: cell.plain('throttle_rate'),
            metadata: cell.json('metadata'),
            headers: (headers) => sql`headers = ${sealJson(headers ?? {}, box)}`,
            auth: (auth) => sql`auth = ${sealAuth(auth, box)}`,
            disabledReason: cell.plain('disabled_reason'),
          },
          now,
        )
        const row = await transaction.row(
          sql`UPDATE endpoint SET ${set}, settings = ${toJson(settingsAfter)} ${isEnabled ? FRESH : raw('')}
              WHERE ${live(applicationId, id)} RETURNING *`,
        )
        if (before.settings.ordering !== 'fifo' && settingsAfter.ordering === 'fifo') {
          await lineUp(transaction, applicationId, id)
        }
        const after = endpointOf(row!, keys)
        const isTurned = after.disabled !== before.disabled
        await acceptEvents(transaction, events, isTurned ? (after.disabled ? 'disabled' : 'enabled') : null)
        return after
      })
      return refuseTaken(update, 'endpoint_uid', taken)
    },

    patchEndpointHeaders: (applicationId, id, changes, now) =>
      notices.writeTold(applicationId, async (transaction) => {
        const endpoint = await findLive(transaction, applicationId, id)
        if (endpoint === null) return false
        const headers = sealJson(mergeHeaders(endpoint.headers, changes), await keys.sealer(transaction))
        await transaction.change(
          sql`UPDATE endpoint SET headers = ${headers}, updated_at = ${now} WHERE ${live(applicationId, id)}`,
        )
        return true
      }),

    rotateEndpointSecret: (applicationId, id, { secret, graceMs }, now) =>
      notices.writeTold(applicationId, async (transaction) => {
        const endpoint = await findLive(transaction, applicationId, id)
        if (endpoint === null) return false
        const oldSecrets = afterRotation(endpoint, { secret, graceMs, now })
        if (oldSecrets.length >= MAX_LIVE_SECRETS) {
          throw new PosthornError(
            'limit_reached',
            `${MAX_LIVE_SECRETS} secrets of this endpoint sign already`,
            { hint: 'Try again when the oldest has expired, or give gracePeriodSeconds 0' },
          )
        }
        const box = await keys.sealer(transaction)
        await transaction.change(
          sql`UPDATE endpoint SET secret = ${box.seal(secret)}, old_secrets = ${sealJson(oldSecrets, box)},
                updated_at = ${now} WHERE ${live(applicationId, id)}`,
        )
        return true
      }),

    deleteEndpoint: (applicationId, id, now, events) =>
      notices.writeTold(applicationId, async (transaction) => {
        const changes = await transaction.change(
          sql`UPDATE endpoint SET deleted_at = ${now}, uid = NULL WHERE ${live(applicationId, id)}`,
        )
        if (changes === 0) return false
        await acceptEvents(transaction, events, null)
        return true
      }),
  }

  /** Held to the end of the transaction, so that of two changes at once the second sees the first. */
  async function findLive(transaction: Queries, applicationId: string, id: string): Promise<Endpoint | null> {
    const row = await transaction.row(sql`SELECT * FROM endpoint WHERE ${live(applicationId, id)} FOR UPDATE`)
    return row === undefined ? null : endpointOf(row, keys)
  }
}

function live(applicationId: string, id: string) {
  return sql`application_id = ${applicationId} AND id = ${id} AND deleted_at IS NULL`
}
