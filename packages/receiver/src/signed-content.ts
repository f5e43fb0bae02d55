/** What a signature covers: `id.timestamp.body`, the body as bytes. @module */

import type { Bytes } from './base64.ts'

/** The last second of the year 5138. Anything greater is milliseconds by mistake. */
const MAX_TIMESTAMP = 99_999_999_999

/**
 * Tells whether `id` can be signed. A `.` would let two messages share one signed content; a lone surrogate
 * would become U+FFFD and share it too.
 */
export function isMessageId(id: unknown): id is string {
  return typeof id === 'string' && /^[^\s.\p{Cc}\p{Cs}]+$/u.test(id)
}

/** Tells whether `seconds` can be a timestamp: a whole number of Unix seconds, and not milliseconds. */
export function isTimestamp(seconds: number): boolean {
  return Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= MAX_TIMESTAMP
}

/**
 * Returns `id.timestamp.`, the text that stands before the body in what is signed. Posthorn's sender and
 * verifier both take it from here, so that there is one canonical content: the UTF-8 of this text, then the
 * body's bytes.
 *
 * Source: Standard Webhooks 1.0.0, "Signature scheme".
 *
 * @param id - The message's id, without `.`, white space or control characters.
 * @param timestamp - The time of the attempt in Unix seconds.
 * @throws {RangeError} `id` or `timestamp` cannot be signed.
 */
export function signedPrefix(id: string, timestamp: number): string {
  if (!isMessageId(id)) {
    throw new RangeError(
      `bad message id ${JSON.stringify(id)}: not empty, no ".", white space or control character`,
    )
  }
  if (!isTimestamp(timestamp)) throw new RangeError(`bad timestamp ${timestamp}: whole Unix seconds`)
  return `${id}.${timestamp}.`
}

/** Returns the bytes that are signed, and in `body` the part of them that is a copy of `body`. */
export function signedContent(
  id: string,
  timestamp: number,
  body: Uint8Array,
): { readonly content: Bytes; readonly body: Bytes } {
  const prefix = signedPrefix(id, timestamp)
  const isAscii = /^[!-~]*$/.test(prefix)
  const bytes = isAscii ? null : new TextEncoder().encode(prefix)
  const { length } = bytes ?? prefix
  const content = new Uint8Array(length + body.length)
  // Letter by letter, as it is for nearly all ids: an encoder costs a tenth of the whole verification.
  for (let i = 0; i < length; i++) content[i] = bytes?.[i] ?? prefix.charCodeAt(i)
  content.set(body, length)
  return { content, body: content.subarray(length) }
}
