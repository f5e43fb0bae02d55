import { expect, test } from 'vitest'

import { Retention, type RetentionDeps } from './retention.ts'

const DAY_MS = 86_400_000

/** A retention over a store of this many expired payloads and old messages, and what it did, in order. */
function newRetention(left: { expired: number; old: number }, options: Partial<RetentionDeps> = {}) {
  const did: string[] = []
  const waiting: (() => void)[] = []
  let now = 100 * DAY_MS
  let told: (() => void) | null = null
  const retention = new Retention({
    log: { debug: () => {}, error: () => did.push('error') },
    clock: () => now,
    maxAgeMs: 90 * DAY_MS,
    store: {
      expungeExpired: (at, limit) => {
        const expunged = Math.min(limit, left.expired)
        left.expired -= expunged
        did.push(`expunge ${expunged} at ${at / DAY_MS}`)
        return Promise.resolve(expunged)
      },
      deleteOldMessages: ({ before, after, limit }) => {
        const deleted = Math.min(limit, left.old)
        left.old -= deleted
        did.push(`delete ${deleted} before ${before / DAY_MS} after ${after}`)
        return Promise.resolve({ deleted, next: deleted < limit ? null : `${left.old}` })
      },
      trimEndpointHistory: ({ before, after }) => {
        did.push(`trim before ${before / DAY_MS} after ${after}`)
        return Promise.resolve({ deleted: 1, next: after === null ? 'app_1' : null })
      },
    },
    wait: (ms, signal) => {
      // Rests are short, and pass at once; the wait between two sweeps ends when the test says so.
      if (ms < 60_000) return Promise.resolve()
      told?.()
      return new Promise((resolve) => {
        waiting.push(resolve)
        signal.addEventListener('abort', () => resolve())
      })
    },
    ...options,
  })
  return {
    did,
    retention,
    swept: () => new Promise<void>((resolve) => (told = resolve)),
    wake: (later: number) => {
      now += later
      did.length = 0
      waiting.shift()!()
    },
  }
}

test('a sweep goes step by step until nothing is left, and begins again later', async () => {
  const { did, retention, swept, wake } = newRetention({ expired: 230, old: 120 })
  let end = swept()
  retention.start()
  await end
  expect(did).toEqual([
    'expunge 100 at 100',
    'expunge 100 at 100',
    'expunge 30 at 100',
    'delete 100 before 10 after null',
    'delete 20 before 10 after 20',
    'trim before 10 after null',
    'trim before 10 after app_1',
  ])

  end = swept()
  wake(60_000)
  await end
  expect(did).toEqual([expect.stringContaining('expunge 0')])

  end = swept()
  wake(3_600_000)
  await end
  expect(did.map((step) => step.split(' ')[0])).toEqual(['expunge', 'delete', 'trim', 'trim'])
  await retention.stop()
})

test('where messages are kept for ever, none is deleted', async () => {
  const { did, retention, swept } = newRetention({ expired: 1, old: 1 }, { maxAgeMs: null })
  const end = swept()
  retention.start()
  await end
  expect(did).toEqual(['expunge 1 at 100'])
  await retention.stop()
})

test('a store that is busy is left alone until the next sweep', async () => {
  const { did, retention, swept, wake } = newRetention(
    { expired: 0, old: 0 },
    {
      store: {
        expungeExpired: () => Promise.reject(new Error('busy')),
        deleteOldMessages: () => Promise.resolve({ deleted: 0, next: null }),
        trimEndpointHistory: () => Promise.resolve({ deleted: 0, next: null }),
      },
    },
  )
  let end = swept()
  retention.start()
  await end
  expect(did).toEqual(['error'])
  end = swept()
  wake(60_000)
  await end
  expect(did).toEqual(['error'])
  await retention.stop()
})

test('a stop ends a wait at once, and no step follows', async () => {
  const { did, retention, swept } = newRetention({ expired: 0, old: 0 })
  const end = swept()
  retention.start()
  await end
  did.length = 0
  await retention.stop()
  expect(did).toEqual([])
})
