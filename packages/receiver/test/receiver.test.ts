import { Type, type Static } from 'typebox'
import { Check } from 'typebox/value'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'

import {
  createReceiver,
  guardSchema,
  publishedRanges,
  type DedupeStore,
  type HandleOptions,
  type Handlers,
  type InboxStore,
  type Report,
  type RunTimes,
} from '../src/handle.ts'
import type { Scheme, WebhookEvent } from '../src/index.ts'
import { memoryDedupe } from '../src/memory.ts'
import { github, meta, slack, stripe } from '../src/providers.ts'
import { signTestEvent } from '../src/testing.ts'
import { SCHEME, gate, signedRequest } from './support/signed.ts'

type Options = Omit<HandleOptions<Record<string, unknown>, undefined>, 'inbox' | 'on'> & {
  readonly on?: Handlers<Record<string, unknown>, undefined>
  readonly scheme?: Scheme
}

/** A receiver of the test's scheme whose reports are kept. */
function receiving(options: Options = {}) {
  const reports: Report[] = []
  const handled: string[] = []
  const receiver = createReceiver({
    scheme: SCHEME,
    on: { '*': (event) => void handled.push(event.id) },
    report: (report) => void reports.push(report),
    ...options,
  })
  return { receiver, reports, handled }
}

describe('the answer', () => {
  test('to a good event is 200, and the report says which it was', async () => {
    const { receiver, reports, handled } = receiving()
    const response = await receiver(await signedRequest('msg_1'), { remoteAddress: '192.0.2.1' })
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(handled).toEqual(['msg_1'])
    expect(reports).toEqual([
      {
        code: 'handled',
        status: 200,
        hint: null,
        address: '192.0.2.1',
        source: 'default',
        eventId: 'msg_1',
        eventType: 'invoice.paid',
      },
    ])
  })

  test('to a bad signature is 400 with its code and without its hint, which is for the log', async () => {
    const { receiver, reports, handled } = receiving()
    const request = await signedRequest('msg_1')
    const { headers } = request
    const response = await receiver({ headers, body: '{}' })
    expect([response.status, await response.json()]).toEqual([400, { code: 'signature_mismatch' }])
    expect(reports[0]).toMatchObject({
      code: 'signature_mismatch',
      eventId: null,
      hint: expect.stringContaining('secret'),
    })
    expect(handled).toEqual([])
  })

  test('to a type that nobody handles is 200, and nothing is remembered of it', async () => {
    const store = { begin: vi.fn<DedupeStore['begin']>() }
    const { receiver, reports } = receiving({ on: { 'invoice.sent': () => undefined }, store })
    for (const type of ['invoice.paid', 'constructor', '__proto__', 'toString']) {
      expect((await receiver(await signedRequest('msg_1', { type }))).status).toBe(200)
    }
    expect(reports.every(({ code }) => code === 'no_handler')).toBe(true)
    expect(store.begin).not.toHaveBeenCalled()
  })

  test('to another method is 405 with Allow', async () => {
    const { receiver } = receiving()
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      const response = await receiver(new Request('https://receiver.test/', { method }))
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })

  test('to a body that is too long is 413, by its announced length or its real one', async () => {
    const { receiver } = receiving({ maxBodyBytes: 10 })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(413)
    const lying = { headers: { 'content-length': '5' }, body: 'x'.repeat(11) }
    expect((await receiver(lying)).status).toBe(413)
  })

  test('to a parsed body is 500, as the fault is ours, with the hint that mends it', async () => {
    const { receiver } = receiving()
    const response = await receiver(
      { headers: {}, body: { type: 'invoice.paid' } as unknown as string },
      { bodyHint: 'do X' },
    )
    expect([response.status, await response.json()]).toEqual([500, { code: 'parsed_body', hint: 'do X' }])
  })

  test('never is a rejection, whatever is passed in', async () => {
    const { receiver } = receiving()
    for (const input of [
      null,
      undefined,
      1,
      'x',
      {},
      { headers: null },
      {
        headers: {},
        get body() {
          throw new Error('no')
        },
      },
    ]) {
      expect((await receiver(input as unknown as Request)).status).toBeGreaterThanOrEqual(400)
    }
  })

  test('is not what a handler without types happens to return', async () => {
    const { receiver } = receiving({ on: { '*': (() => ({ status: 7 })) as unknown as () => void } })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
  })

  test('does not depend on its report', async () => {
    const console = vi.spyOn(globalThis.console, 'error').mockImplementation(() => undefined)
    const { receiver } = receiving({
      report: () => {
        throw new Error('no log')
      },
    })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(console).toHaveBeenCalledOnce()
    console.mockRestore()
  })

  test('of a handler is sent as it is; a 5xx lets the event come again, and a 4xx does not', async () => {
    const answers = [new Response('later', { status: 503 }), new Response('never', { status: 422 })]
    const { receiver } = receiving({ store: memoryDedupe(), on: { '*': () => answers.shift()! } })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await receiver(await signedRequest('msg_1'))).status)
    expect(statuses).toEqual([503, 422, 200])
  })

  test('where the store cannot be reached is 503 with Retry-After, and no handler runs', async () => {
    const store: DedupeStore = { begin: async () => Promise.reject(new Error('connection refused')) }
    const { receiver, reports, handled } = receiving({ store })
    const response = await receiver(await signedRequest('msg_1'))
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect(reports[0]).toMatchObject({ code: 'store_unavailable', error: new Error('connection refused') })
    expect(handled).toEqual([])
  })

  test('where the mark could not be kept is 500, so that the event comes again', async () => {
    const run = { tx: undefined, commit: async () => false, release: async () => undefined }
    const { receiver, reports } = receiving({ store: { begin: async () => ({ state: 'begun', run }) } })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(500)
    expect(reports[0]?.code).toBe('commit_failed')
  })
})

describe('the deadline', () => {
  test('aborts the signal and answers 503; the event stays taken until the handler is over, and is then done', async () => {
    const { passed, open } = gate()
    const { promise: aborted, resolve: abort } = Promise.withResolvers<unknown>()
    const later: Promise<unknown>[] = []
    let runs = 0
    const { receiver } = receiving({
      store: memoryDedupe(),
      deadlineMs: 20,
      on: {
        '*': async (_event, { signal }) => {
          runs += 1
          signal.addEventListener('abort', () => abort(signal.reason))
          await passed
        },
      },
    })
    const waitUntil = (promise: Promise<unknown>) => void later.push(promise)
    const late = await receiver(await signedRequest('msg_1'), { waitUntil })
    expect([late.status, Number(late.headers.get('retry-after')) > 0]).toEqual([503, true])
    expect(await aborted).toMatchObject({ name: 'TimeoutError' })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(503)
    open()
    await Promise.all(later)
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(runs).toBe(1)
  })

  test('holds for a store that gives no answer, and a mark that it makes later is taken back', async () => {
    const { passed, open } = gate()
    const release = vi.fn<() => Promise<void>>(async () => undefined)
    const run = { tx: undefined, commit: async () => true, release }
    const store: DedupeStore = { begin: async () => passed.then(() => ({ state: 'begun', run })) }
    const { receiver, reports, handled } = receiving({ store, deadlineMs: 20 })
    const late = await receiver(await signedRequest('msg_1'))
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1'])
    expect(reports[0]).toMatchObject({
      code: 'store_unavailable',
      hint: expect.stringContaining('deadlineMs'),
    })
    open()
    await vi.waitFor(() => expect(release).toHaveBeenCalledTimes(1))
    expect(handled).toEqual([])
  })

  test('holds for an inbox that gives no answer', async () => {
    const never = new Promise<never>(() => undefined)
    const inbox = { store: { add: async () => never } as unknown as InboxStore }
    const receiver = createReceiver({
      scheme: SCHEME,
      inbox,
      deadlineMs: 20,
      report: () => undefined,
      on: { '*': () => undefined },
    })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(503)
  })

  test('leaves no timer behind, and no signal that aborts later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const signals: AbortSignal[] = []
    const { receiver } = receiving({ on: { '*': (_event, { signal }) => void signals.push(signal) } })
    expect((await receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(60_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
  })

  test('the window outlasts the longest retries of any sender, and the lease outlasts the deadline', async () => {
    const seen: RunTimes[] = []
    const store = memoryDedupe()
    const spy: DedupeStore = { begin: async (key, times) => (seen.push(times), store.begin(key, times)) }
    await receiving({ store: spy }).receiver(await signedRequest('msg_1'))
    const [{ nowMs, leaseEndMs, windowEndMs }] = seen as [RunTimes]
    expect(windowEndMs - nowMs).toBeGreaterThan(30 * 86_400_000)
    expect(leaseEndMs - nowMs).toBeGreaterThan(9_000)
    expect(() => receiving({ deadlineMs: 5_000, leaseMs: 5_000 })).toThrow(RangeError)
    expect(() => receiving({ deadlineMs: Number.NaN })).toThrow(RangeError)
  })
})

describe('typed events', () => {
  test('of zod, valibot and a TypeBox guard are inferred and checked', async () => {
    const Invoice = Type.Object({ type: Type.Literal('typebox'), amount: Type.Integer() })
    const amounts: number[] = []
    const receiver = createReceiver({
      scheme: SCHEME,
      on: {
        zod: {
          schema: z.object({ amount: z.coerce.number() }),
          handle: ({ data }) => {
            expectTypeOf(data).toEqualTypeOf<{ amount: number }>()
            amounts.push(data.amount)
          },
        },
        valibot: {
          schema: v.object({ amount: v.pipe(v.string(), v.transform(Number)) }),
          handle: async ({ data }) => {
            expectTypeOf(data).toEqualTypeOf<{ amount: number }>()
            amounts.push(data.amount)
          },
        },
        typebox: {
          schema: guardSchema((value): value is Static<typeof Invoice> => Check(Invoice, value)),
          handle: ({ data, id }) => {
            expectTypeOf(data).toEqualTypeOf<Static<typeof Invoice>>()
            expectTypeOf(id).toBeString()
            amounts.push(data.amount)
          },
        },
      },
    })
    expect((await receiver(await signedRequest('1', { type: 'zod', amount: '1' }))).status).toBe(200)
    expect((await receiver(await signedRequest('2', { type: 'valibot', amount: '2' }))).status).toBe(200)
    expect((await receiver(await signedRequest('3', { type: 'typebox', amount: 3 }))).status).toBe(200)
    expect(amounts).toEqual([1, 2, 3])
  })

  test('a payload that its schema refuses is 500 and may come again; 422 and never, where that is asked for', async () => {
    const handle = vi.fn<() => void>()
    const on = { 'invoice.paid': { schema: z.object({ amount: z.number() }), handle } }
    const retrying = receiving({ on, store: memoryDedupe() })
    for (let i = 0; i < 2; i++)
      expect((await retrying.receiver(await signedRequest('msg_1'))).status).toBe(500)
    expect(retrying.reports[0]).toMatchObject({
      code: 'payload_invalid',
      hint: expect.stringContaining('amount'),
    })
    const refusing = receiving({ on, store: memoryDedupe(), invalidPayload: 'refuse' })
    const statuses = []
    for (let i = 0; i < 2; i++) statuses.push((await refusing.receiver(await signedRequest('msg_1'))).status)
    expect(statuses).toEqual([422, 200])
    expect(handle).not.toHaveBeenCalled()
  })
})

describe('the source address', () => {
  test('must be in the allow-list, and that of a trusted proxy’s client is asked for', async () => {
    const { receiver, reports } = receiving({ allow: ['192.0.2.0/24'], trustedProxies: ['10.0.0.0/8'] })
    const from = async (remoteAddress: string | null, forwardedFor?: string) => {
      const request = await signedRequest('msg_1')
      if (forwardedFor !== undefined) request.headers.set('x-forwarded-for', forwardedFor)
      return (await receiver(request, { remoteAddress })).status
    }
    expect(await from('192.0.2.9')).toBe(200)
    expect(await from('203.0.113.9')).toBe(403)
    expect(await from('203.0.113.9', '192.0.2.9')).toBe(403)
    expect(await from('10.0.0.1', '192.0.2.9')).toBe(200)
    expect(await from(null)).toBe(403)
    expect(reports.at(-1)?.hint).toContain('remoteAddress')
  })

  test('is 503 while a published list was never read', async () => {
    const list = publishedRanges(
      { url: 'https://provider.test', read: () => [] },
      { fetchJson: async () => Promise.reject(new Error('down')) },
    )
    const { receiver } = receiving({ allow: [list] })
    const response = await receiver(await signedRequest('msg_1'), { remoteAddress: '192.0.2.1' })
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '60'])
  })

  test('has a limit of its own, of which 429 tells', async () => {
    const at = Date.now()
    const { receiver, handled } = receiving({ limit: { requests: 1, perMs: 30_000 }, now: () => at })
    const send = async (remoteAddress: string) => receiver(await signedRequest('msg_1'), { remoteAddress })
    expect((await send('192.0.2.1')).status).toBe(200)
    const limited = await send('192.0.2.1')
    expect([limited.status, Number(limited.headers.get('retry-after'))]).toEqual([429, 30])
    expect((await send('192.0.2.2')).status).toBe(200)
    expect(handled).toHaveLength(2)
  })
})

describe('schemes', () => {
  test('a maker and secrets make one', async () => {
    const secrets = 'stripe test key'
    const { url, ...init } = await signTestEvent(stripe({ secrets }), { body: '{"id":"evt_1","type":"a"}' })
    const handled: string[] = []
    const on = { a: (event: WebhookEvent) => void handled.push(event.id) }
    const receiver = createReceiver({ scheme: stripe, secrets, on })
    expect((await receiver(new Request(url, init))).status).toBe(200)
    expect(handled).toEqual(['evt_1'])
    expect(() => createReceiver({ scheme: stripe, secrets: [], on })).toThrow('secret_missing')
  })

  test('several share a URL: the handler learns which it was, and equal ids are not duplicates', async () => {
    const schemes = { a: github({ secrets: 'a' }), b: github({ secrets: 'b' }) }
    const seen: string[] = []
    const reports: Report[] = []
    const receiver = createReceiver({
      schemes,
      store: memoryDedupe(),
      report: (report) => void reports.push(report),
      on: { '*': (_event, { source }) => void seen.push(source) },
    })
    for (const scheme of [schemes.b, schemes.a, schemes.b]) {
      const { url, ...init } = await signTestEvent(scheme, { id: 'same', body: '{}' })
      expect((await receiver(new Request(url, init))).status).toBe(200)
    }
    expect(seen).toEqual(['b', 'a'])
    const { url, ...init } = await signTestEvent(github({ secrets: 'c' }), { body: '{}' })
    expect((await receiver(new Request(url, init))).status).toBe(400)
    expect(reports.at(-1)?.code).toBe('signature_mismatch')
  })
})

describe('handshakes', () => {
  test('by GET are answered before the allow-list, by POST once they are verified', async () => {
    const bySecret = { secrets: 'x', verifyToken: 'token' }
    const { receiver } = receiving({ scheme: meta(bySecret), allow: ['192.0.2.1'] })
    const query = 'hub.mode=subscribe&hub.verify_token=token&hub.challenge=c123'
    const response = await receiver(new Request(`https://receiver.test/?${query}`))
    expect([response.status, await response.text()]).toEqual([200, 'c123'])

    const scheme = slack({ secrets: 's' })
    const signed = await signTestEvent(scheme, { body: '{"type":"url_verification","challenge":"c456"}' })
    const slacking = receiving({ scheme })
    const answer = await slacking.receiver(new Request(signed.url, signed))
    expect([answer.status, await answer.text()]).toEqual([200, 'c456'])
    expect(slacking.handled).toEqual([])
    const forged = await slacking.receiver(
      new Request(signed.url, {
        ...signed,
        headers: { ...signed.headers, 'x-slack-signature': `v0=${'0'.repeat(64)}` },
      }),
    )
    expect(forged.status).toBe(400)
  })

  test('that ask for more hand it to onHandshake, and fail when it does', async () => {
    // A scheme with such a handshake, as SNS has one, without its certificate.
    const confirmUrl = 'https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription'
    const response = { status: 200, headers: {}, body: null }
    const scheme: Scheme = { ...SCHEME, handshake: async () => ({ ok: true, response, confirmUrl }) }
    const seen: unknown[] = []
    const good = receiving({ scheme, onHandshake: (handshake) => void seen.push(handshake.confirmUrl) })
    expect((await good.receiver(await signedRequest('msg_1'))).status).toBe(200)
    expect(seen).toEqual([confirmUrl])
    const bad = receiving({ scheme, onHandshake: async () => Promise.reject(new Error('no')) })
    expect((await bad.receiver(await signedRequest('msg_1'))).status).toBe(500)
  })
})
