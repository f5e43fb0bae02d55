/** A strict reader of DER, as much of it as certificates and ECDSA signatures need. @module */

import type { Bytes } from '../base64.ts'

/** One element: its tag, its content and all of its bytes. */
export interface DerElement {
  readonly tag: number
  readonly content: Bytes
  readonly raw: Bytes
}

export const SEQUENCE = 0x30
export const INTEGER = 0x02

/**
 * Returns the elements that stand one after another in `bytes`, or `null` unless they fill it exactly, each
 * with a tag of one byte and a definite length in its shortest form.
 *
 * Source: ITU-T X.690, sections 8.1 and 10.1.
 */
export function readDer(bytes: Bytes): readonly DerElement[] | null {
  const elements: DerElement[] = []
  let offset = 0
  while (offset < bytes.length) {
    const tag = bytes[offset] ?? 0
    const first = bytes[offset + 1]
    if ((tag & 0x1f) === 0x1f || first === undefined) return null
    let start = offset + 2
    let length = first
    if (first >= 0x80) {
      // Four bytes of length would be a certificate of 16 MB; 0x80 alone is the indefinite form of BER.
      const count = first & 0x7f
      if (count === 0 || count > 3 || start + count > bytes.length) return null
      length = bytes.subarray(start, start + count).reduce((sum, byte) => sum * 256 + byte, 0)
      if (length < 0x80 || length < 256 ** (count - 1)) return null
      start += count
    }
    const end = start + length
    if (end > bytes.length) return null
    elements.push({ tag, content: bytes.slice(start, end), raw: bytes.slice(offset, end) })
    offset = end
  }
  return elements
}

/** Returns the elements within the one SEQUENCE that `bytes` is, or `null`. */
export function readSequence(bytes: Bytes): readonly DerElement[] | null {
  const elements = readDer(bytes)
  const [sequence] = elements ?? []
  return elements?.length === 1 && sequence?.tag === SEQUENCE ? readDer(sequence.content) : null
}

/**
 * Returns the `r` and `s` of an ECDSA signature at `size` bytes each, as Web Crypto takes them, or `null`.
 *
 * Source: RFC 3279, section 2.2.3.
 */
export function ecdsaFromDer(signature: Bytes, size: number): Bytes | null {
  const elements = readSequence(signature)
  if (elements?.length !== 2) return null
  const raw = new Uint8Array(2 * size)
  for (const [index, { tag, content }] of elements.entries()) {
    const [first = 0, second = 0] = content
    // Positive, and no zero in front but the one that keeps it positive.
    if (tag !== INTEGER || content.length === 0 || first >= 0x80) return null
    if (first === 0 && second < 0x80) return null
    const digits = first === 0 ? content.subarray(1) : content
    if (digits.length > size) return null
    raw.set(digits, (index + 1) * size - digits.length)
  }
  return raw
}
