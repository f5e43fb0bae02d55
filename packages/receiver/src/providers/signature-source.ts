/** Where a provider puts its signatures, and how it writes them. @module */

import { decodeBase64, encodeBase64, type Bytes } from '../base64.ts'
import { decodeHex, encodeHex } from '../bytes.ts'
import { refuse, type ReceivedWebhook, type VerifyFailure } from '../scheme.ts'

/** Describes the signatures of a request. */
export interface SignatureSource {
  /** The header in lower case, or several that may each have one. */
  readonly header: string | readonly string[]
  readonly encoding: 'hex' | 'base64'
  /** What stands before each signature, such as `sha256=` or `v1=`. Items without it are not looked at. */
  readonly prefix?: string
  /** What separates several items in one header. Without it, the header is one signature. */
  readonly separator?: ',' | ';'
}

/** More than any rotation needs; DocuSign, at 100 headers, sends the most. */
const MAX_SIGNATURES = 100

/** Returns the items of the header or headers, in order, or the refusal when there is none. */
export function readItems(
  webhook: ReceivedWebhook,
  source: SignatureSource,
): readonly string[] | VerifyFailure {
  const names = [source.header].flat()
  const values = names.map((name) => webhook.header(name)).filter((value) => value !== null)
  if (values.length === 0) {
    return refuse('missing_signature', `There is no ${names[0]} header. Does a proxy drop it?`)
  }
  const { separator } = source
  const items = values.flatMap((value) =>
    separator === undefined ? value : value.split(separator).map((item) => item.trim()),
  )
  return items.length > MAX_SIGNATURES
    ? refuse('too_many_signatures', `The request has more than ${MAX_SIGNATURES} signatures.`)
    : items
}

/** Returns the well-formed signatures among `items`: of the prefix, the encoding and the length. */
export function readSignatures(
  items: readonly string[],
  source: SignatureSource,
  length: number,
): readonly Bytes[] | VerifyFailure {
  const { prefix = '', encoding } = source
  if (items.every((item) => item === '')) return refuse('malformed_signature', 'The signature is empty.')
  const texts = items.filter((item) => item.startsWith(prefix)).map((item) => item.slice(prefix.length))
  if (texts.length === 0) return refuse('no_known_version', `No signature starts with "${prefix}".`)
  const signatures = texts
    .map(encoding === 'hex' ? decodeHex : decodeBase64)
    // The length is checked here because an empty text is well-formed too.
    .filter((bytes) => bytes?.length === length)
    .filter((bytes) => bytes !== null)
  if (signatures.length > 0) return signatures
  return refuse('malformed_signature', `A signature is ${length} bytes in ${encoding}, and none here is.`)
}

/** Returns a signature as `readSignatures` reads it. */
export function writeSignature(signature: Bytes, source: SignatureSource): string {
  return (source.prefix ?? '') + (source.encoding === 'hex' ? encodeHex(signature) : encodeBase64(signature))
}
