/**
 * The part of Redis that the store uses, over its wire protocol, with a clock of the test's. npm has no Redis server.
 *
 * The dedupe contract was run by hand on 2026-11-24 against Redis 7.0.15 (Debian 12), with ioredis 6.0.0 and with node-redis
 * 6.3.1, and the same tests pass as do here with ioredis. To repeat it, start a `redis-server` and set REDIS_URL: then
 * `test/stores/redis.test.ts` runs against that too.
 *
 * @module
 */

import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'

import { COMMIT_SCRIPT, RELEASE_SCRIPT } from '../../src/stores/redis-dedupe.ts'

/** A fake that listens. */
export interface FakeRedis {
  readonly url: string
  close(): void
}

type Reply = string | number | null | Error

/** Starts a fake whose keys expire by `now`, in milliseconds. */
export async function startFakeRedis(now: () => number): Promise<FakeRedis> {
  const keys = new Map<string, { readonly value: string; readonly expiresAtMs: number }>()
  const get = (key: string) => {
    const entry = keys.get(key)
    if (entry === undefined || entry.expiresAtMs > now()) return entry
    keys.delete(key)
    return undefined
  }
  const set = (key: string, value: string, expiryMs: string) =>
    keys.set(key, { value, expiresAtMs: now() + Number(expiryMs) })

  // What the scripts do, as Lua is not here.
  const scripts = new Map<string, (key: string, token: string, windowMs: string) => number>([
    [
      COMMIT_SCRIPT,
      (key, token, windowMs) => (get(key)?.value === token ? (set(key, 'done', windowMs), 1) : 0),
    ],
    [RELEASE_SCRIPT, (key, token) => (get(key)?.value === token ? Number(keys.delete(key)) : 0)],
  ])

  function answer([name = '', ...args]: readonly string[]): Reply {
    switch (name.toUpperCase()) {
      case 'SET': {
        const [key = '', value = '', ...flags] = args
        if (flags.join(' ') !== `NX PX ${flags[2]}`) return new Error('ERR syntax error')
        if (get(key) !== undefined) return null
        set(key, value, flags[2] ?? '')
        return 'OK'
      }
      case 'GET':
        return get(args[0] ?? '')?.value ?? null
      case 'PTTL': {
        const entry = get(args[0] ?? '')
        return entry === undefined ? -2 : entry.expiresAtMs - now()
      }
      case 'EVAL': {
        const [script = '', count, key = '', token = '', windowMs = ''] = args
        const run = scripts.get(script)
        return run === undefined || count !== '1'
          ? new Error('ERR unknown script')
          : run(key, token, windowMs)
      }
      case 'PING':
        return 'PONG'
      default:
        // CLIENT and INFO of ioredis' greeting, which takes no for an answer.
        return new Error(`ERR unknown command '${name}'`)
    }
  }

  const server: Server = createServer((socket) => {
    let pending = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      for (let command = take(); command !== null; command = take()) socket.write(encode(answer(command)))
    })

    /** Cuts one whole command, an array of bulk strings, off what has arrived. */
    function take(): string[] | null {
      let at = 0
      const line = () => {
        const end = pending.indexOf('\r\n', at)
        if (end === -1) return null
        const text = pending.toString('utf8', at, end)
        at = end + 2
        return text
      }
      const head = line()
      if (head === null) return null
      const parts: string[] = []
      for (let i = 0; i < Number(head.slice(1)); i++) {
        const length = line()
        if (length === null || pending.length < at + Number(length.slice(1)) + 2) return null
        parts.push(pending.toString('utf8', at, at + Number(length.slice(1))))
        at += Number(length.slice(1)) + 2
      }
      pending = pending.subarray(at)
      return parts
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `redis://127.0.0.1:${port}`, close: () => void server.close() }
}

function encode(reply: Reply): string {
  if (reply === null) return '$-1\r\n'
  if (reply instanceof Error) return `-${reply.message}\r\n`
  if (typeof reply === 'number') return `:${reply}\r\n`
  return reply === 'OK' || reply === 'PONG' ? `+${reply}\r\n` : `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`
}
