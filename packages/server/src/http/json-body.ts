/** Reads JSON and keeps the bytes of its parts; writes JSON with parts as they are. @module */

import { isUtf8 } from 'node:buffer'

import { PosthornError } from '../domain/errors.ts'

/** Bytes of a request's body, at most: 1 MiB. */
export const MAX_BODY_BYTES = 1_048_576

/**
 * Parses a request's body.
 *
 * @throws {PosthornError} `malformed_json`: empty, not UTF-8, or not JSON.
 */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) {
    throw new PosthornError('malformed_json', 'The body is empty', { hint: 'Send a JSON object' })
  }
  if (!isUtf8(body)) throw new PosthornError('malformed_json', 'The body is not UTF-8')
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch (cause) {
    throw new PosthornError('malformed_json', `The body is not JSON: ${(cause as Error).message}`, { cause })
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c

/**
 * Returns a copy of the bytes of one member's value, as they stand in the text of a JSON object: `1.0`, big integers,
 * escapes and white space inside it are kept. `null` where there is no such member. Of two members with the same name the
 * last counts, as in `JSON.parse`.
 *
 * The copy has memory of its own, so that it can outlive the request's buffer and cross to another thread alone.
 *
 * @param json - Well-formed JSON in UTF-8 whose top is an object: {@link parseJson} has read it.
 */
export function memberBytes(json: Buffer, name: string): Uint8Array | null {
  let found: Uint8Array | null = null
  let at = skipSpace(json, 0) + 1
  for (;;) {
    at = skipSpace(json, at)
    if (json[at] === CLOSE_BRACE) return found
    const keyEnd = endOfString(json, at)
    const key = JSON.parse(json.toString('utf8', at, keyEnd)) as string
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1)
    const end = endOfValue(json, start)
    if (key === name) found = Uint8Array.prototype.slice.call(json, start, end)
    at = skipSpace(json, end)
    if (json[at] === COMMA) at += 1
  }
}

function skipSpace(json: Buffer, from: number): number {
  let at = from
  // Below the space are only the control characters, of which JSON allows three between tokens.
  while (json[at]! <= 0x20) at += 1
  return at
}

/** Returns the place after the closing quote of the string that opens at `from`. */
function endOfString(json: Buffer, from: number): number {
  let at = from + 1
  while (json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1
  return at + 1
}

function endOfValue(json: Buffer, from: number): number {
  const first = json[from]
  if (first === QUOTE) return endOfString(json, from)
  let at = from
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    while (!isEndOfToken(json[at]!)) at += 1
    return at
  }
  let depth = 0
  for (;;) {
    const byte = json[at]
    if (byte === QUOTE) {
      at = endOfString(json, at)
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1
    at += 1
    if (depth === 0) return at
  }
}

function isEndOfToken(byte: number): boolean {
  return byte <= 0x20 || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET
}

/**
 * Writes an object as JSON, with further members whose values are JSON already. They are put in as they are, so `1.0`,
 * big integers and escapes of a payload come out as they went in.
 *
 * @param members - JSON texts by name; not empty.
 */
export function writeJson(object: object, members: Readonly<Record<string, string>>): string {
  const written = Object.entries(members).map(([name, text]) => `${JSON.stringify(name)}:${text}`)
  const head = JSON.stringify(object).slice(0, -1)
  return `${head}${head === '{' ? '' : ','}${written.join(',')}}`
}
