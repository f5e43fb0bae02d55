/**
 * Strict base64: each byte sequence has exactly one text, so that a signature or a key has no second
 * spelling.
 *
 * @module
 */

/** Bytes with a buffer of their own, as Web Crypto asks for. */
export type Bytes = Uint8Array<ArrayBuffer>

/** Returns the padded base64 text of `bytes`. For keys and signatures: not meant for more than a few kB. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

/**
 * Returns the bytes of `text`, or `null` unless it is canonical: padded, without white space, unused bits
 * zero.
 *
 * Source: RFC 4648, sections 3.5 and 4.
 */
export function decodeBase64(text: string): Bytes | null {
  try {
    const binary = atob(text)
    // `atob` skips white space, adds missing padding and drops the unused bits: only the round trip tells.
    if (btoa(binary) !== text) return null
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
    return bytes
  } catch {
    return null
  }
}
