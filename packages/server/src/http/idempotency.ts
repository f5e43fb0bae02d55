/** Idempotency keys: a POST that is repeated is done once, and answered as it was the first time. @module */

import { hash } from 'node:crypto'

import { PosthornError } from '../domain/errors.ts'
import { IDEMPOTENCY_MS, type IdempotencyKey, type IdempotentAnswer } from '../domain/idempotency.ts'
import type { Api } from './api.ts'
import type { HttpDeps } from './deps.ts'

/** Characters of a hash that are kept: 132 bits for a key, and for a body, which has no adversary, 96. */
const KEY_LENGTH = 22
const BODY_LENGTH = 16

/** A POST that runs, and those that wait for it. `null`: it was not a success, so the next one runs. */
interface UnderWay {
  readonly given: IdempotencyKey
  readonly answered: Promise<IdempotentAnswer | null>
  readonly settle: (answer: IdempotentAnswer | null) => void
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The POST as others wait for it; `null` where it has no key, or is answered from an earlier one. */
    underWay: UnderWay | null
    /** It was answered as an earlier one was: nothing was done. */
    isReplay: boolean
  }
  interface FastifyContextConfig {
    /** Its handler keeps what it makes together with the caller's idempotency key, and is its own record in the audit log. */
    readonly keepsOwnRecord?: boolean
  }
}

/**
 * Returns the caller's key as it is stored, or `undefined` where there is none.
 *
 * @param scope - What the key is unique in: who calls, and what for.
 */
export function idempotencyKeyOf(
  header: string | readonly string[] | undefined,
  scope: string,
  body: Buffer | null,
): IdempotencyKey | undefined {
  if (typeof header !== 'string' || header === '') return undefined
  return {
    key: hash('sha256', `${scope} ${header}`, 'base64url').slice(0, KEY_LENGTH),
    body: hash('sha256', body ?? '', 'base64url').slice(0, BODY_LENGTH),
  }
}

/** Returns the refusal of a key that came with another body before. */
export function keyReused(): PosthornError {
  return new PosthornError('idempotency_key_reused', 'This idempotency key came with another body before', {
    hint: 'Use a new key for a new request; repeat a request with the bytes that it had',
  })
}

/**
 * Makes all POSTs idempotent, save those whose handler keeps the key itself: sends of messages, which are hot.
 *
 *     POST ─┬─ the same key is under way here ─▶ wait ─┬─ 2xx: answered alike
 *           │                                          └─ no success: try again from the start
 *           ├─ answered in the last 12 h: answered alike
 *           └─ new ─▶ handler ─▶ 2xx: kept, then answered
 *
 * What was made and its answer are two commits: a process that dies between them has made a thing whose retry makes another.
 */
export function idempotency(api: Api, { store, clock }: HttpDeps): void {
  const underWay = new Map<string, UnderWay>()

  api.decorateRequest('underWay', null)
  api.decorateRequest('isReplay', false)

  api.addHook('preHandler', async (request, reply) => {
    const header = request.headers['idempotency-key']
    if (request.method !== 'POST' || header === undefined) return undefined
    const { config } = request.routeOptions
    // Without a token there is nobody whom the key could belong to.
    if (config.keepsOwnRecord === true || config.permission?.need === 'public') return undefined
    // Not the application: of two tokens of it, one may not be shown what the other was answered, such as a secret.
    const { organisationId, tokenId, prefix } = request.principal
    const path = request.url.split('?')[0]!.replace(/\/+$/, '')
    const given = idempotencyKeyOf(header, `${organisationId} ${tokenId ?? prefix} ${path}`, request.rawBody)
    if (given === undefined) return undefined

    const earlier = await earlierAnswer(given)
    if ('settle' in earlier) {
      request.underWay = earlier
      return undefined
    }
    request.isReplay = true
    reply.code(earlier.status).header('idempotent-replayed', 'true')
    if (earlier.content !== '') reply.type('application/json; charset=utf-8')
    return reply.send(earlier.content === '' ? undefined : earlier.content)
  })

  api.addHook('onSend', async (request, reply, payload) => {
    const mine = request.underWay
    if (mine === null) return
    request.underWay = null
    const { statusCode: status } = reply
    let answer: IdempotentAnswer | null = null
    try {
      if (status < 200 || status > 299) return
      const content = typeof payload === 'string' ? payload : ''
      answer = { ...mine.given, status, content, createdAt: clock() }
      await store.saveAnswer(answer)
    } catch (error) {
      // The thing is made, and its caller has to hear of it; only a retry after this one's waiters would make another.
      reply.log.error({ err: error, requestId: request.id }, 'an idempotency key could not be kept')
    } finally {
      end(mine, answer)
    }
  })

  /**
   * Returns what the key was answered before, or this request as the one that is now under way for it.
   *
   * It counts as under way before the store is asked: of two that ask at once, one would be told nothing and run, and so
   * would the other.
   */
  async function earlierAnswer(given: IdempotencyKey): Promise<IdempotentAnswer | UnderWay> {
    for (;;) {
      const running = underWay.get(given.key)
      if (running === undefined) break
      if (running.given.body !== given.body) throw keyReused()
      const answer = await running.answered
      if (answer !== null) return answer
    }
    const mine = begin(given)
    try {
      const kept = await store.findAnswer(given.key, clock() - IDEMPOTENCY_MS)
      if (kept === null) return mine
      end(mine, kept.body === given.body ? kept : null)
      if (kept.body !== given.body) throw keyReused()
      return kept
    } catch (error) {
      end(mine, null)
      throw error
    }
  }

  function begin(given: IdempotencyKey): UnderWay {
    const { promise, resolve } = Promise.withResolvers<IdempotentAnswer | null>()
    const mine = { given, answered: promise, settle: resolve }
    underWay.set(given.key, mine)
    return mine
  }

  function end(mine: UnderWay, answer: IdempotentAnswer | null): void {
    if (underWay.get(mine.given.key) === mine) underWay.delete(mine.given.key)
    mine.settle(answer)
  }
}
