/** A store with many messages, as one that has worked for a month has them: made directly, without sending any. @module */

import { join } from 'node:path'

import type { Attempt } from '../packages/server/src/domain/attempt.ts'
import type { Verdict } from '../packages/server/src/domain/delivery.ts'
import { newId } from '../packages/server/src/domain/id.ts'
import { JSON_CONTENT_TYPE, type Message } from '../packages/server/src/domain/message.ts'
import { acceptMethods } from '../packages/server/src/storage/sqlite/accepts.ts'
import { openDatabase } from '../packages/server/src/storage/sqlite/database.ts'
import { recordMethods } from '../packages/server/src/storage/sqlite/records.ts'

/** What there is to search for. */
export interface FilledStore {
  readonly messageId: string
  readonly eventId: string
  /** A message in the middle, and its instant in ISO 8601. */
  readonly middleId: string
  readonly middle: string
}

/** Where the messages go. */
export interface FilledRoute {
  readonly applicationId: string
  /** Gets all. One in a hundred fails, one in a thousand waits for a retry. */
  readonly mainId: string
  /** Gets every tenth, and fails at each. */
  readonly deadId: string
  /** Another application, which gets a message of its own for every tenth. */
  readonly lostApplicationId: string
  /** Its endpoint, which fails at each but the first. */
  readonly lostId: string
}

const MONTH_MS = 30 * 86_400_000
const BATCH = 10_000
const LEASE = 1
const FAILED: Verdict = { kind: 'exhausted' }
const PAYLOAD = new TextEncoder().encode(JSON.stringify({ data: 'x'.repeat(1_000) }))

/** Fills the database in the folder. Nothing else has it open. */
export function fillStore(folder: string, route: FilledRoute, messages: number): FilledStore {
  const database = openDatabase(join(folder, 'posthorn.db'))
  const { acceptMessage } = acceptMethods(database)
  const { recordAttempt } = recordMethods(database)
  const { applicationId, mainId, deadId, lostApplicationId, lostId } = route
  const startAt = Date.now() - MONTH_MS
  const timeOf = (i: number) => Math.floor(startAt + (i * MONTH_MS) / messages)
  const ids: string[] = []

  const record = (
    messageId: string,
    endpointId: string,
    at: number,
    statusCode: number,
    verdict: Verdict,
    owner = applicationId,
  ) => {
    const attempt: Attempt = {
      id: newId('attempt', at),
      applicationId: owner,
      messageId,
      endpointId,
      url: 'https://acme.example/hook',
      isSuccess: verdict.kind === 'success',
      responseStatusCode: statusCode,
      response: 'ok',
      responseDurationMs: 12,
      failure: statusCode === 0 ? 'timeout' : null,
      trigger: 'scheduled',
      createdAt: at,
    }
    recordAttempt({ attempt, lease: LEASE, attempts: 1, verdict })
  }

  const accept = (message: Message, endpointIds: readonly string[]) =>
    acceptMessage({
      message,
      deliveries: endpointIds.map((endpointId) => ({ endpointId, lease: LEASE })),
      dueAt: message.createdAt,
    })

  for (let from = 0; from < messages; from += BATCH) {
    database.exec('BEGIN')
    for (let i = from; i < Math.min(from + BATCH, messages); i++) {
      const createdAt = timeOf(i)
      const id = newId('message', createdAt)
      const to = i % 10 === 0 ? [mainId, deadId] : [mainId]
      const message: Message = {
        id,
        applicationId,
        eventType: i % 10_007 === 0 ? 'rare.type' : `type.${i % 40}`,
        eventId: `evt-${i}`,
        channels: i % 10 === 1 ? [`channel-${i % 7}`] : null,
        tags: i % 20 === 2 ? [i % 10_020 === 2 ? 'rare-tag' : 'common-tag'] : null,
        payload: PAYLOAD,
        contentType: JSON_CONTENT_TYPE,
        deliverAt: null,
        expiresAt: null,
        expungedAt: null,
        createdAt,
      }
      accept(message, to)
      if (i % 1_000 === 3) {
        record(id, mainId, createdAt, 503, { kind: 'retry', at: Date.now() + MONTH_MS })
      } else if (i % 100 === 7) {
        const statusCode = i % 10_000 === 7 ? 404 : i % 300 === 7 ? 0 : 500
        record(id, mainId, createdAt, statusCode, FAILED)
      } else record(id, mainId, createdAt, 200, { kind: 'success' })
      if (to.length > 1) {
        record(id, deadId, createdAt, 0, FAILED)
        const lost = newId('message', createdAt)
        accept({ ...message, id: lost, applicationId: lostApplicationId }, [lostId])
        record(
          lost,
          lostId,
          createdAt,
          i === 0 ? 200 : 0,
          i === 0 ? { kind: 'success' } : FAILED,
          lostApplicationId,
        )
      }
      ids.push(id)
    }
    database.exec('COMMIT')
  }
  database.close()
  const middle = Math.floor(messages / 2)
  return {
    messageId: ids.at(-1)!,
    middleId: ids[middle]!,
    eventId: `evt-${middle}`,
    middle: new Date(timeOf(middle)).toISOString(),
  }
}
