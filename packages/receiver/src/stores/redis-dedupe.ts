/** Remembers events in Redis, or what speaks its protocol (Valkey, KeyDB, Dragonfly). @module */

import type { DedupeStore } from '../handle/dedupe-store.ts'

/** A client: ioredis has `call`, node-redis (`redis`) has `sendCommand`. */
export type RedisClient =
  | { call(command: string, ...values: string[]): Promise<unknown> }
  | { sendCommand(command: string[]): Promise<unknown> }

/** Options of `redisDedupe`. */
export interface RedisDedupeOptions {
  /** Stands before each key. Default `posthorn:dedupe:`. */
  readonly prefix?: string
}

/** What `commit` runs: the mark becomes "done" only while it is still this run's. */
export const COMMIT_SCRIPT = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], 'done', 'PX', ARGV[2])
  return 1
end
return 0`

/** What `release` runs. */
export const RELEASE_SCRIPT = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0`

/**
 * Makes a store in Redis. Leases and the window are the keys' own expiry, by Redis' clock. It is as durable as Redis
 * is: with `appendfsync everysec` a crash of Redis may forget a second of marks, and then events run twice. The
 * keys must not be evicted, so set `maxmemory-policy noeviction`: a full Redis then answers 503 instead of forgetting.
 */
export function redisDedupe(client: RedisClient, options: RedisDedupeOptions = {}): DedupeStore {
  const prefix = options.prefix ?? 'posthorn:dedupe:'
  // By `call` first: an ioredis client has a `sendCommand` of another kind beside it.
  const send = async (command: string, ...values: string[]) =>
    'call' in client ? client.call(command, ...values) : client.sendCommand([command, ...values])

  return {
    async begin(key, { nowMs, leaseEndMs, windowEndMs }) {
      const name = prefix + key
      const token = `run:${crypto.randomUUID()}`
      const taken = await send(
        'SET',
        name,
        token,
        'NX',
        'PX',
        String(Math.max(1, Math.ceil(leaseEndMs - nowMs))),
      )
      if (taken !== null) {
        const windowMs = String(Math.max(1, Math.ceil(windowEndMs - nowMs)))
        return {
          state: 'begun',
          run: {
            tx: undefined,
            commit: async () => (await send('EVAL', COMMIT_SCRIPT, '1', name, token, windowMs)) === 1,
            release: async () => void (await send('EVAL', RELEASE_SCRIPT, '1', name, token)),
          },
        }
      }
      if ((await send('GET', name)) === 'done') return { state: 'done' }
      const leftMs = await send('PTTL', name)
      // Negative: it ended in between.
      return {
        state: 'running',
        leaseEndMs: typeof leftMs === 'number' && leftMs > 0 ? nowMs + leftMs : null,
      }
    },
  }
}
