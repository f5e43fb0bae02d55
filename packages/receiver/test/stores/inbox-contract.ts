/** What every inbox store does, alone and under an inbox. @module */

import { expect, onTestFinished, test } from 'vitest'

import { createReceiver, type InboxEvent, type InboxStore } from '../../src/handle.ts'
import { SCHEME, gate, signedRequest } from '../support/signed.ts'

/** A store of one test, with nothing in it. */
export interface OpenedInbox<Tx> {
  readonly store: InboxStore<Tx>
  readonly close: () => Promise<void>
}

const BODY = new Uint8Array([0, 255, 36, 38, 39])

const event = (key: string, more: Partial<InboxEvent> = {}): InboxEvent => ({
  key,
  source: 'default',
  eventId: key,
  eventType: 'invoice.paid',
  signedAtMs: 1_800_000_000_000,
  body: BODY,
  ...more,
})

/** Runs the suite. */
export function inboxContract<Tx>(open: () => Promise<OpenedInbox<Tx>>): void {
  async function opened() {
    const { store, close } = await open()
    onTestFinished(close)
    return store
  }

  test('an event comes back as it was kept, once, by the order of arrival', async () => {
    const store = await opened()
    expect(await store.add(event('a'), 10)).toBe(true)
    expect(await store.add(event('b', { eventType: null }), 11)).toBe(true)
    expect(await store.add(event('a', { body: new Uint8Array() }), 12)).toBe(false)
    const claimed = await store.claim(10, 20, 30)
    expect(claimed).toMatchObject([
      { ...event('a'), attempt: 1 },
      { ...event('b'), eventType: null, attempt: 1 },
    ])
    expect(await store.claim(10, 29, 40)).toEqual([])
  })

  test('a NUL in a name neither stops an event nor its error', async () => {
    const store = await opened()
    expect(await store.add(event('a\0b', { eventType: 't\0' }), 0)).toBe(true)
    const [claimed] = await store.claim(1, 0, 100)
    await (await store.begin(claimed!)).fail('bad \0', null)
    expect((await store.listDead(1, 0)).map(({ error }) => error.slice(0, 4))).toEqual(['bad '])
  })

  test('a claim whose lease is over is another’s, and the first can change nothing', async () => {
    const store = await opened()
    await store.add(event('a'), 0)
    const [first] = await store.claim(1, 0, 100)
    const [second] = await store.claim(1, 100, 200)
    expect(second).toMatchObject({ eventId: 'a', attempt: 2 })
    const late = await store.begin(first!)
    expect(await late.succeed(1_000)).toBe(false)
    await (await store.begin(first!)).fail('late', null)
    expect(await store.listDead(10, 0)).toEqual([])
    expect(await (await store.begin(second!)).succeed(1_000)).toBe(true)
    expect(await store.claim(1, 500, 600)).toEqual([])
  })

  test('what is done stays known until it is forgotten', async () => {
    const store = await opened()
    await store.add(event('a'), 0)
    const [claimed] = await store.claim(1, 0, 100)
    await (await store.begin(claimed!)).succeed(1_000)
    await store.sweep(999)
    expect(await store.add(event('a'), 999)).toBe(false)
    await store.sweep(1_000)
    expect(await store.add(event('a'), 1_000)).toBe(true)
  })

  test('concurrent claims share out what is due', async () => {
    const store = await opened()
    for (let i = 0; i < 20; i++) await store.add(event(`e${i}`), i)
    const claims = await Promise.all(Array.from({ length: 5 }, async () => store.claim(4, 100, 200)))
    const rest = await store.claim(20, 100, 200)
    const ids = [...claims.flat(), ...rest].map(({ eventId }) => eventId)
    expect(ids.toSorted()).toEqual(Array.from({ length: 20 }, (_, i) => `e${i}`).toSorted())
  })

  test('dead letters are listed by page, run again, and discarded', async () => {
    const store = await opened()
    for (const key of ['a', 'b', 'c']) await store.add(event(key), 0)
    for (const claimed of await store.claim(3, 0, 100))
      await (await store.begin(claimed)).fail('it’s bad', null)
    const [a, b] = await store.listDead(2, 0)
    expect(a).toMatchObject({ ...event('a'), attempts: 1, error: 'it’s bad' })
    expect((await store.listDead(2, b!.id)).map(({ eventId }) => eventId)).toEqual(['c'])
    expect(await store.rerun(a!.id, 200)).toBe(true)
    expect(await store.rerun(a!.id, 200)).toBe(false)
    expect(await store.claim(3, 200, 300)).toMatchObject([{ eventId: 'a', attempt: 1 }])
    expect(await store.discard(b!.id, 1_000)).toBe(true)
    expect(await store.discard(b!.id, 1_000)).toBe(false)
    expect(await store.add(event('b'), 300)).toBe(false)
    expect((await store.listDead(10, 0)).map(({ eventId }) => eventId)).toEqual(['c'])
  })

  test('the receiver answers 202, and the handler runs once for all duplicates', async () => {
    const store = await opened()
    const seen: string[] = []
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox: { store },
      on: { '*': (received) => void seen.push(received.text()) },
    })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await receiver(await signedRequest('msg_1', { n: 1 }))).status)
    expect(statuses).toEqual([202, 200, 200])
    expect(seen).toEqual([])
    expect(await receiver.inbox.runDue()).toBe(1)
    expect((await receiver(await signedRequest('msg_1', { n: 1 }))).status).toBe(200)
    expect(await receiver.inbox.runDue()).toBe(0)
    expect(seen).toEqual(['{"n":1}'])
  })

  test('a failed run is tried on schedule, then lies among the dead letters, and can be run again', async () => {
    const store = await opened()
    let nowMs = Date.now()
    let isBroken = true
    const attempts: number[] = []
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox: {
        store,
        retryAfterMs: [1_000, 5_000],
        now: () => nowMs,
        random: () => 0,
        report: () => undefined,
      },
      on: {
        '*': (_event, { attempt }) => {
          attempts.push(attempt)
          if (isBroken) throw new TypeError('no such customer')
        },
      },
    })
    const { inbox } = receiver
    await receiver(await signedRequest('msg_1'))
    expect(await inbox.runDue()).toBe(1)
    nowMs += 999
    expect(await inbox.runDue()).toBe(0)
    nowMs += 1
    expect(await inbox.runDue()).toBe(1)
    expect(await inbox.deadLetters()).toEqual([])
    nowMs += 5_000
    expect(await inbox.runDue()).toBe(1)
    const [letter] = await inbox.deadLetters()
    expect(letter).toMatchObject({ eventId: 'msg_1', attempts: 3, error: 'TypeError: no such customer' })
    nowMs += 86_400_000
    expect(await inbox.runDue()).toBe(0)

    isBroken = false
    expect(await inbox.rerun(letter!.id)).toBe(true)
    expect(await inbox.runDue()).toBe(1)
    expect(attempts).toEqual([1, 2, 3, 1])
    expect(await inbox.deadLetters()).toEqual([])
    expect(await inbox.discard(letter!.id)).toBe(false)
  })

  test('an event whose process died runs when the lease is over, and not forever', async () => {
    const store = await opened()
    let nowMs = Date.now()
    const runs: string[] = []
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox: { store, retryAfterMs: [1_000], now: () => nowMs, report: () => undefined },
      on: { '*': ({ id }, { attempt }) => void runs.push(`${id} ${attempt}`) },
    })
    await receiver(await signedRequest('msg_1'))
    await receiver(await signedRequest('msg_2'))
    // Claimed by processes of which nobody hears again: the first event twice, which is all the runs that it has.
    await store.claim(2, nowMs, nowMs + 90_000)
    expect(await receiver.inbox.runDue()).toBe(0)
    nowMs += 90_000
    expect(await store.claim(1, nowMs, nowMs)).toMatchObject([{ eventId: 'msg_1', attempt: 2 }])
    expect(await receiver.inbox.runDue()).toBe(2)
    expect(runs).toEqual(['msg_2 2'])
    expect((await receiver.inbox.deadLetters()).map(({ eventId }) => eventId)).toEqual(['msg_1'])
  })

  test('a handler that never ends loses its place and its event when the lease is over', async () => {
    const store = await opened()
    const codes: string[] = []
    const aborted: unknown[] = []
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox: {
        store,
        deadlineMs: 500,
        leaseMs: 2_000,
        retryAfterMs: [],
        report: ({ code }) => void codes.push(code),
      },
      on: {
        '*': async (_event, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(signal.reason))
          await new Promise(() => undefined)
        },
      },
    })
    await receiver(await signedRequest('msg_1'))
    expect(await receiver.inbox.runDue()).toBe(1)
    expect(aborted).toHaveLength(1)
    expect(codes).toEqual(['dead'])
    expect(await receiver.inbox.deadLetters()).toMatchObject([{ error: 'Error: the handler did not end' }])
  })

  test('no more handlers run at once than concurrency says, and stop waits for them', async () => {
    const store = await opened()
    const { passed, open: finish } = gate()
    let [running, most, done] = [0, 0, 0]
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox: { store, concurrency: 3 },
      on: {
        '*': async () => {
          running += 1
          most = Math.max(most, running)
          await passed
          running -= 1
          done += 1
        },
      },
    })
    receiver.inbox.start()
    for (let i = 0; i < 7; i++) await receiver(await signedRequest(`msg_${i}`))
    await expect.poll(() => running).toBe(3)
    finish()
    await expect.poll(() => done).toBe(7)
    await receiver.inbox.stop()
    expect([running, most]).toEqual([0, 3])
  })
}
