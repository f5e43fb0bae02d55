/** What every dedupe store does. @module */

import { expect, onTestFinished, test } from 'vitest'

import { createReceiver, type Begun, type DedupeStore } from '../../src/handle.ts'
import { SCHEME, gate, signedRequest } from '../support/signed.ts'

/** A store of one test, with nothing in it. */
export interface OpenedStore<Tx> {
  readonly store: DedupeStore<Tx>
  /** Epoch milliseconds by the clock that the store goes by. */
  readonly now: () => number
  /** Lets that clock go on. */
  readonly advance: (ms: number) => Promise<void>
  /** Ends the process, or the connection, of whoever has begun this key last, as a crash does. */
  readonly crash: (key: string) => Promise<void>
  readonly close: () => Promise<void>
}

const LEASE_MS = 1_000
const WINDOW_MS = 60_000

/** Runs the suite. `window`: how far the clock must go for a mark to be forgotten. */
export function dedupeContract<Tx>(
  open: () => Promise<OpenedStore<Tx>>,
  options = { windowMs: WINDOW_MS },
): void {
  async function opened() {
    const it = await open()
    onTestFinished(it.close)
    const begin = async (key: string) => {
      const nowMs = it.now()
      return it.store.begin(key, {
        nowMs,
        leaseEndMs: nowMs + LEASE_MS,
        windowEndMs: nowMs + options.windowMs,
      })
    }
    return { ...it, begin }
  }

  test('a key is the first caller’s until it commits, and done after that', async () => {
    const { begin } = await opened()
    const run = runOf(await begin('a'))
    expect((await begin('a')).state).toBe('running')
    expect(await run.commit()).toBe(true)
    expect(await begin('a')).toEqual({ state: 'done' })
  })

  test('a done event is forgotten when its window is over', async () => {
    const { begin, advance } = await opened()
    expect(await runOf(await begin('a')).commit()).toBe(true)
    await advance(options.windowMs)
    await runOf(await begin('a')).release()
  })

  test('a released event may run again at once', async () => {
    const { begin } = await opened()
    await runOf(await begin('a')).release()
    const again = runOf(await begin('a'))
    expect(await again.commit()).toBe(true)
  })

  test('of many that begin at once, one has the key', async () => {
    const { begin } = await opened()
    const begun = await Promise.all(Array.from({ length: 8 }, async () => begin('a')))
    expect(begun.filter(({ state }) => state === 'begun')).toHaveLength(1)
    expect(begun.filter(({ state }) => state === 'running')).toHaveLength(7)
    await begun
      .map((each) => (each.state === 'begun' ? each.run : null))
      .find((run) => run !== null)
      ?.release()
  })

  test.each(["it's", '$1', 'ключ:{a}', 'x'.repeat(300), ' ', 'a\0b'])(
    'any text is a key of its own: %j',
    async (key) => {
      const { begin } = await opened()
      const other = runOf(await begin(`${key}.`))
      expect(await runOf(await begin(key)).commit()).toBe(true)
      expect((await begin(key)).state).toBe('done')
      await other.release()
    },
  )

  test('a run that crashed is begun again', async () => {
    const { begin, crash, advance } = await opened()
    await crash('a')
    await advance(LEASE_MS)
    expect(await runOf(await begin('a')).commit()).toBe(true)
  })

  test('concurrent duplicates run the handler once, and are asked to come again', async () => {
    const { store, now } = await opened()
    const { passed, open: finish } = gate()
    let runs = 0
    const receiver = createReceiver({
      scheme: SCHEME,
      store,
      now,
      on: {
        '*': async () => {
          runs += 1
          await passed
        },
      },
    })
    const requests = await Promise.all(Array.from({ length: 6 }, async () => signedRequest('msg_1')))
    const answers = requests.map(async (request) => receiver(request))
    // Five are told that it is under way; the one that has it waits for us.
    const busy: Response[] = []
    for (const answer of answers) void answer.then((response) => busy.push(response))
    await expect.poll(() => busy.length).toBe(5)
    expect(busy.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503])
    expect(Number(busy[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
    finish()
    expect((await Promise.all(answers)).filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(runs).toBe(1)
  })

  test('an event whose handler failed runs again', async () => {
    const { store, now } = await opened()
    let runs = 0
    const receiver = createReceiver({
      scheme: SCHEME,
      store,
      now,
      report: () => undefined,
      on: {
        '*': () => {
          runs += 1
          if (runs === 1) throw new Error('the first run')
        },
      },
    })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(500)
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(runs).toBe(2)
  })
}

/** What holds for stores whose lease is a time: whoever lost it can change nothing. */
export function leaseContract(open: () => Promise<OpenedStore<undefined>>): void {
  test('whoever lost the lease can neither commit nor release', async () => {
    const { store, now, advance, close } = await open()
    onTestFinished(close)
    const begin = async () => {
      const nowMs = now()
      return store.begin('a', { nowMs, leaseEndMs: nowMs + LEASE_MS, windowEndMs: nowMs + WINDOW_MS })
    }
    const late = runOf(await begin())
    await advance(LEASE_MS)
    const second = runOf(await begin())
    expect(await late.commit()).toBe(false)
    await late.release()
    const seen = await begin()
    expect(seen.state).toBe('running')
    expect(await second.commit()).toBe(true)
    expect((await begin()).state).toBe('done')
  })
}

/** Returns the run of what has begun. */
export function runOf<Tx>(begun: Begun<Tx>) {
  if (begun.state !== 'begun') throw new Error(`not begun, but ${begun.state}`)
  return begun.run
}
