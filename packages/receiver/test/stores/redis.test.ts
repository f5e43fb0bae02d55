import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'

import { redisDedupe } from '../../src/redis.ts'
import { startFakeRedis } from '../support/fake-redis.ts'
import { crashIn } from './crash.ts'
import { dedupeContract, leaseContract } from './dedupe-contract.ts'

async function openFake() {
  let nowMs = Date.now()
  const server = await startFakeRedis(() => nowMs)
  const client = new Redis(server.url, { enableReadyCheck: false })
  return {
    store: redisDedupe(client),
    now: () => nowMs,
    advance: async (ms: number) => void (nowMs += ms),
    crash: async (key: string) => crashIn('redis', server.url, key, nowMs),
    close: async () => {
      client.disconnect()
      server.close()
    },
  }
}

describe('deduplication over the Redis protocol, on a fake that was checked against Redis 7.0.15 on 2026-11-24', () => {
  dedupeContract(openFake)
  leaseContract(openFake)

  test('a client of node-redis is known by its sendCommand', async () => {
    const sent: string[][] = []
    const client = { sendCommand: async (command: string[]) => (sent.push(command), 'OK') }
    await redisDedupe(client, { prefix: 'p:' }).begin('a', {
      nowMs: 0,
      leaseEndMs: 1_000,
      windowEndMs: 2_000,
    })
    expect(sent).toEqual([['SET', 'p:a', expect.stringMatching(/^run:/), 'NX', 'PX', '1000']])
  })
})

const real = process.env['REDIS_URL']
// Its clock is its own, so the window is short here and its end is waited for.
describe.skipIf(real === undefined)('deduplication in the Redis at REDIS_URL', () => {
  async function openReal() {
    const client = new Redis(real ?? '')
    await client.flushdb()
    return {
      store: redisDedupe(client),
      now: Date.now,
      advance: async (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms + 50)),
      crash: async (key: string) => crashIn('redis', real ?? '', key, Date.now()),
      close: async () => client.disconnect(),
    }
  }
  dedupeContract(openReal, { windowMs: 2_000 })
  leaseContract(openReal)
})
