/** A sender as providers have them: it signs, tries again, sends twice and out of order. @module */

import type { RawBody } from './body.ts'
import type { Scheme } from './scheme.ts'
import { signTestEvent } from './sign-test-event.ts'

/** An event to send. */
export interface FakeEvent {
  /** The body; an object is sent as JSON. */
  readonly body: RawBody | object
  /** Default: a random UUID. The same on every attempt. */
  readonly id?: string
  /** For providers that send the type in a header. */
  readonly type?: string
  /** Default `application/json`. */
  readonly contentType?: string
}

/** Options of `fakeSender`. */
export interface FakeSenderOptions {
  /** Signs with its first secret, as `signTestEvent` does. */
  readonly scheme: Scheme
  /** The URL to post to, or what answers a request: a receiver, a route handler, `app.fetch`. */
  readonly to: string | ((request: Request) => Promise<Response> | Response)
  /** Waits before each retry, in milliseconds; their number is that of retries. Default 5 s, 5 min and 30 min. */
  readonly retryAfterMs?: readonly number[]
  /**
   * Passes the time until a retry, which is the longer of the schedule's and the `Retry-After` of the answer. Default: not
   * at all, so that a test is over at once. Set the clock of the receiver here.
   */
  readonly wait?: (ms: number) => Promise<void> | void
  /** Returns the time at which an attempt is signed, in epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
  /** Whether a status ends the retries. Default: 410 alone, as Standard Webhooks has it. Others give up on any 4xx. */
  readonly givesUpOn?: (status: number) => boolean
}

/** What became of an event. */
export interface FakeDelivery {
  readonly id: string
  readonly outcome: 'delivered' | 'gave_up'
  /** The statuses of its attempts, in order; 0 where there was no answer. */
  readonly statuses: readonly number[]
}

/** Sends events. */
export interface FakeSender {
  /** Sends an event until it is answered 2xx or its retries are spent. */
  send(event: FakeEvent): Promise<FakeDelivery>
  /** Sends an event `times` times at once, each with retries of its own, as a sender does that lost an answer. */
  sendDuplicates(event: FakeEvent, times: number): Promise<readonly FakeDelivery[]>
  /** Sends several events one after the other, in an order that `random` makes. */
  sendShuffled(events: readonly FakeEvent[], random?: () => number): Promise<readonly FakeDelivery[]>
}

const DEFAULTS = { retryAfterMs: [5_000, 300_000, 1_800_000] } as const satisfies Partial<FakeSenderOptions>

/** Makes a sender. Each attempt is signed anew, with the time of that attempt. */
export function fakeSender(options: FakeSenderOptions): FakeSender {
  const { scheme, to, wait, now = Date.now, givesUpOn = (status) => status === 410 } = options
  const waitsMs = options.retryAfterMs ?? DEFAULTS.retryAfterMs

  async function attempt(event: FakeEvent & { readonly id: string }): Promise<Response | null> {
    const { url, headers, ...signed } = await signTestEvent(scheme, {
      id: event.id,
      body: rawBody(event.body),
      timestamp: new Date(now()),
      ...(event.type === undefined ? {} : { type: event.type }),
      ...(typeof to === 'string' ? { url: to } : {}),
    })
    // Frameworks choose by it whether to parse a body before the receiver has it.
    const init = {
      ...signed,
      headers: { 'content-type': event.contentType ?? 'application/json', ...headers },
    }
    try {
      // By the string: what was signed may be another URL than the one where the test's server is.
      const response = await (typeof to === 'string' ? fetch(to, init) : to(new Request(url, init)))
      await response.arrayBuffer()
      return response
    } catch {
      return null
    }
  }

  async function send(given: FakeEvent): Promise<FakeDelivery> {
    const event = { ...given, id: given.id ?? crypto.randomUUID() }
    const statuses: number[] = []
    for (let i = 0; ; i++) {
      const response = await attempt(event)
      statuses.push(response?.status ?? 0)
      if (response?.ok === true) return { id: event.id, outcome: 'delivered', statuses }
      const waitMs = waitsMs[i]
      if (waitMs === undefined || (response !== null && givesUpOn(response.status))) {
        return { id: event.id, outcome: 'gave_up', statuses }
      }
      await wait?.(Math.max(waitMs, 1_000 * Number(response?.headers.get('retry-after') ?? 0)))
    }
  }

  return {
    send,
    async sendDuplicates(event, times) {
      const id = event.id ?? crypto.randomUUID()
      return Promise.all(Array.from({ length: times }, async () => send({ ...event, id })))
    },
    async sendShuffled(events, random = Math.random) {
      const order = events.map((event) => ({ event, key: random() })).toSorted((a, b) => a.key - b.key)
      const deliveries: FakeDelivery[] = []
      for (const { event } of order) deliveries.push(await send(event))
      return deliveries
    },
  }
}

function rawBody(body: RawBody | object): RawBody {
  if (typeof body === 'string' || body instanceof ArrayBuffer) return body
  return ArrayBuffer.isView(body)
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    : JSON.stringify(body)
}
