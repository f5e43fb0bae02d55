/** What a receiver does with an event, by its type. @module */

import type { WebhookEvent } from '../scheme.ts'
import { describeIssues, type StandardSchema } from './standard-schema.ts'

/** What a handler knows beside the event. */
export interface HandlerContext<Tx = undefined> {
  /** Aborts when the deadline is over: the sender has its answer by then, or soon gives up. Pass it on. */
  readonly signal: AbortSignal
  /** The name of the scheme that verified the event; `default` for a receiver of one. */
  readonly source: string
  /** Writes in the transaction of the dedupe mark, with a store that has one; otherwise `undefined`. */
  readonly tx: Tx
  /** The number of this run, from 1, for an event from the inbox; always 1 without one. */
  readonly attempt: number
}

/** An event whose payload a schema has checked. */
export interface CheckedEvent<Data> extends WebhookEvent {
  /** The payload as the schema returned it. */
  readonly data: Data
}

/**
 * Handles one event. Return nothing when it is done. Throw, and the sender tries again. A `Response` is sent as it
 * is: of 5xx and 429 the event may come again; any other is the end of it (a 4xx says "never again").
 */
export type Handler<Event extends WebhookEvent, Tx> = (
  event: Event,
  context: HandlerContext<Tx>,
) => Promise<Response | void> | Response | void

/** A handler, or a schema and the handler of what passes it. */
export type HandlerEntry<Data, Tx> =
  | Handler<WebhookEvent, Tx>
  | { readonly schema: StandardSchema<Data>; readonly handle: Handler<CheckedEvent<Data>, Tx> }

/**
 * Handlers by event type; `*` handles what has none. An event without a handler is answered 200: who does not
 * want it does not want it again.
 */
export type Handlers<Datas, Tx> = { readonly [Type in keyof Datas]: HandlerEntry<Datas[Type], Tx> }

/** What came of an event. */
export type HandlerResult =
  | { readonly code: 'handled' }
  | { readonly code: 'handler_answered'; readonly response: Response }
  | { readonly code: 'payload_invalid'; readonly hint: string }

/** Finds and runs the handler of an event. */
export interface Dispatch<Tx> {
  has(event: WebhookEvent): boolean
  /** Rejects with what the handler threw. */
  run(event: WebhookEvent, context: HandlerContext<Tx>): Promise<HandlerResult>
}

/** Returns how to run the handler of an event's type. */
export function dispatcher<Tx>(handlers: Readonly<Record<string, HandlerEntry<never, Tx>>>): Dispatch<Tx> {
  // Own keys only: a type such as `constructor` has no handler.
  const entryOf = (type: string | null) =>
    type !== null && Object.hasOwn(handlers, type) ? handlers[type] : undefined
  const find = (event: WebhookEvent) => entryOf(event.type) ?? entryOf('*')

  return {
    has: (event) => find(event) !== undefined,
    async run(event, context) {
      const entry = find(event)
      if (entry === undefined) return { code: 'handled' }
      if (typeof entry === 'function') return resultOf(await entry(event, context))
      const checked = await check(entry.schema, event)
      if ('hint' in checked) return { code: 'payload_invalid', hint: checked.hint }
      return resultOf(await entry.handle(checked.event, context))
    },
  }
}

async function check<Data>(
  schema: StandardSchema<Data>,
  event: WebhookEvent,
): Promise<{ readonly event: CheckedEvent<Data> } | { readonly hint: string }> {
  let json: unknown
  try {
    json = event.json()
  } catch {
    return { hint: 'The payload is not JSON.' }
  }
  const result = await schema['~standard'].validate(json)
  if (result.issues !== undefined)
    return { hint: `The payload does not fit its schema: ${describeIssues(result.issues)}` }
  // Not a spread: `type` is a getter, which would be asked for now.
  return {
    event: Object.defineProperty(event, 'data', {
      value: result.value,
      enumerable: true,
    }) as CheckedEvent<Data>,
  }
}

function resultOf(returned: unknown): HandlerResult {
  return isResponse(returned) ? { code: 'handler_answered', response: returned } : { code: 'handled' }
}

/** By its shape, as `instanceof` fails for a polyfill's; and a handler without types returns whatever its last call does. */
function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'status' in value && 'arrayBuffer' in value
}
