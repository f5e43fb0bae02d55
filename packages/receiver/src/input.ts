/** The forms in which a received request may be handed over, brought to one. @module */

import { isAsyncIterable, rawBytes, readStream, type RawBody } from './body.ts'
import type { CoreErrorCode } from './error.ts'
import { headerOf, type HeaderSource } from './headers.ts'
import type { ReceivedWebhook } from './scheme.ts'

/** A web `Request`, or what looks like one. Its body is consumed: pass `request.clone()` to keep it. */
export interface FetchRequest {
  readonly headers: { get(name: string): string | null }
  readonly body: unknown
  readonly bodyUsed: boolean
  readonly method?: string | undefined
  /** The absolute URL. Behind a proxy it may not be the public one: see the options of the scheme. */
  readonly url?: string | undefined
  arrayBuffer(): Promise<ArrayBuffer>
}

/**
 * A request whose raw body is at hand. `rawBody` is preferred to `body`, which frameworks replace by what
 * they parsed.
 */
export type BufferedRequest = {
  readonly headers: HeaderSource
  readonly method?: string | undefined
  readonly url?: string | undefined
} & ({ readonly rawBody: RawBody } | { readonly body: RawBody })

/** A request whose body is a stream of bytes that nobody has read: Node's `IncomingMessage`. */
export interface StreamedRequest extends AsyncIterable<unknown> {
  readonly headers: HeaderSource
  readonly method?: string | undefined
  readonly url?: string | undefined
}

/** A received request in any form that still has its raw body. */
export type WebhookInput = FetchRequest | BufferedRequest | StreamedRequest

/** Reads the headers and the body of `input`. Never throws: whatever is wrong comes back as a code. */
export async function readInput(
  input: WebhookInput,
  maxBodyBytes: number,
): Promise<ReceivedWebhook | CoreErrorCode> {
  try {
    const received: unknown = input
    if (!isRecord(received)) return 'unknown_input'
    const headers = received['headers']
    if (!isRecord(headers)) return 'unknown_input'
    const header = (name: string) => headerOf(headers, name)

    // The announced length spares us the reading; a false one is caught while reading.
    if (Number(header('content-length')) > maxBodyBytes) return 'body_too_large'
    const body = await readBody(received, maxBodyBytes)
    if (typeof body === 'string') return body
    if (body.length > maxBodyBytes) return 'body_too_large'
    return { method: textOf(received['method']), url: urlOf(received), header, body }
  } catch {
    return 'body_unreadable'
  }
}

/**
 * Whatever Node knows of the URL is the request's target, which a client may also send as an absolute URL of
 * its choice: only a path is believed. Express keeps it as `originalUrl` when a router cuts `url` short.
 */
function urlOf(input: Readonly<Record<string, unknown>>): string | null {
  if (!('httpVersion' in input)) return textOf(input['url'])
  const target = textOf(input['originalUrl']) ?? textOf(input['url'])
  return target?.startsWith('/') === true ? target : null
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

async function readBody(
  input: Readonly<Record<string, unknown>>,
  maxBytes: number,
): Promise<Uint8Array | CoreErrorCode> {
  if (isFetchRequest(input)) return readFetchBody(input, maxBytes)

  const raw = input['rawBody'] ?? input['body']
  if (raw !== undefined) return rawBytes(raw) ?? 'parsed_body'
  if (!isAsyncIterable(input)) return 'unknown_input'

  // A stream that was read just ends, and an empty body would be verified in place of the real one.
  if (input['readableDidRead'] === true || input['readableEnded'] === true) return 'body_used'
  return readStream(input, maxBytes, { cancel: false })
}

async function readFetchBody(request: FetchRequest, maxBytes: number): Promise<Uint8Array | CoreErrorCode> {
  const { body } = request
  if (request.bodyUsed || (isRecord(body) && body['locked'] === true)) return 'body_used'
  // `arrayBuffer` would hold all of an endless body before we could refuse it.
  if (isRecord(body) && isAsyncIterable(body)) return readStream(body, maxBytes, { cancel: true })
  return new Uint8Array(await request.arrayBuffer())
}

// Known by its shape, as `instanceof` fails for the Request of a polyfill, of an adapter or of another realm.
function isFetchRequest(input: object): input is FetchRequest {
  const request = input as Partial<FetchRequest>
  return typeof request.arrayBuffer === 'function' && typeof request.bodyUsed === 'boolean'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
