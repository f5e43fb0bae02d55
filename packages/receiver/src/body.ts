/** Reading a body to the bytes that came over the wire, and never more of them than allowed. @module */

import type { Bytes } from './base64.ts'

/**
 * A body as it was received. A text is taken as UTF-8; bytes are safer, as decoding may already have changed
 * them.
 */
export type RawBody = Uint8Array | ArrayBuffer | string

/** Returns the bytes of a raw body, or `null` for anything else: a parsed body is never serialised again. */
export function rawBytes(body: unknown): Uint8Array | null {
  if (typeof body === 'string') return new TextEncoder().encode(body)
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  // `isView` and not `instanceof`: test runners give code a `Uint8Array` of another realm.
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
  return null
}

/** Tells whether `value` is a stream that `for await` could read. */
export function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
}

/**
 * Reads a stream of byte chunks to its end, or until it exceeds `maxBytes`.
 *
 * @param options.cancel - Cancels the rest of an oversized stream. Not for a Node request: that would cut the
 *   connection before the caller can answer 413.
 */
export async function readStream(
  stream: AsyncIterable<unknown>,
  maxBytes: number,
  options: { readonly cancel: boolean },
): Promise<Bytes | 'body_too_large' | 'body_unreadable'> {
  // By hand, because leaving a `for await` loop early always cancels.
  const iterator = stream[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const next: IteratorResult<unknown, unknown> = await iterator.next()
    if (next.done === true) return concat(chunks, length)
    // Text means that a decoder sat in between (`setEncoding`), and may have changed the bytes.
    const chunk = typeof next.value === 'string' ? null : rawBytes(next.value)
    if (chunk === null) return 'body_unreadable'
    length += chunk.length
    if (length > maxBytes) {
      // Not awaited: the source may take its time to notice, and the answer is known.
      if (options.cancel) iterator.return?.().catch(() => undefined)
      return 'body_too_large'
    }
    chunks.push(chunk)
  }
}

function concat(chunks: readonly Uint8Array[], length: number): Bytes {
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
