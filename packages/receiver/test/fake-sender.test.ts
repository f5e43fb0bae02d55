import { expect, test } from 'vitest'

import { createReceiver } from '../src/handle.ts'
import { memoryDedupe } from '../src/memory.ts'
import { github } from '../src/providers.ts'
import { fakeSender } from '../src/testing.ts'
import { SCHEME, gate } from './support/signed.ts'

const EVENT = { id: 'msg_1', body: { type: 'invoice.paid' } }

test('it tries again on its schedule, or later where Retry-After says so, and signs each attempt anew', async () => {
  let nowMs = Date.now()
  const waits: number[] = []
  const timestamps: (string | null)[] = []
  const answers = [
    new Response('', { status: 500 }),
    new Response('', { status: 503, headers: { 'retry-after': '600' } }),
  ]
  const sender = fakeSender({
    scheme: SCHEME,
    to: (request) => {
      timestamps.push(request.headers.get('webhook-timestamp'))
      return answers.shift() ?? new Response(null, { status: 204 })
    },
    now: () => nowMs,
    wait: (ms) => {
      waits.push(ms)
      nowMs += ms
    },
  })
  expect(await sender.send(EVENT)).toEqual({ id: 'msg_1', outcome: 'delivered', statuses: [500, 503, 204] })
  expect(waits).toEqual([5_000, 600_000])
  expect(new Set(timestamps).size).toBe(3)
})

test('it gives up when its retries are spent, and at once on 410', async () => {
  const to = (status: number) => () => new Response(null, { status })
  const spent = fakeSender({ scheme: SCHEME, to: to(500), retryAfterMs: [1, 2] })
  expect(await spent.send(EVENT)).toMatchObject({ outcome: 'gave_up', statuses: [500, 500, 500] })
  const gone = fakeSender({ scheme: SCHEME, to: to(410) })
  expect(await gone.send(EVENT)).toMatchObject({ outcome: 'gave_up', statuses: [410] })
  const unreachable = fakeSender({ scheme: SCHEME, to: 'http://127.0.0.1:1/', retryAfterMs: [] })
  expect(await unreachable.send(EVENT)).toMatchObject({ outcome: 'gave_up', statuses: [0] })
})

test('duplicates at once run the handler once, and all are delivered in the end', async () => {
  const { passed, open } = gate()
  let runs = 0
  const receiver = createReceiver({
    scheme: SCHEME,
    store: memoryDedupe(),
    report: () => undefined,
    on: {
      '*': async () => {
        runs += 1
        await passed
      },
    },
  })
  // What is busy is tried again, and by then the first run is over.
  const sender = fakeSender({ scheme: SCHEME, to: receiver, wait: open })
  const deliveries = await sender.sendDuplicates(EVENT, 5)
  expect(deliveries.every(({ outcome }) => outcome === 'delivered')).toBe(true)
  expect(deliveries.some(({ statuses }) => statuses[0] === 503)).toBe(true)
  expect(runs).toBe(1)
})

test('it sends out of order, by any scheme', async () => {
  const scheme = github({ secrets: 'x' })
  const seen: string[] = []
  const receiver = createReceiver({ scheme, on: { push: (event) => void seen.push(event.id) } })
  const events = ['1', '2', '3'].map((id) => ({ id, type: 'push', body: '{}' }))
  const keys = [0.3, 0.2, 0.1]
  await fakeSender({ scheme, to: receiver }).sendShuffled(events, () => keys.shift()!)
  expect(seen).toEqual(['3', '2', '1'])
})
