/**
 * HMAC-SHA256 in this thread. Web Crypto answers from another one, and for a webhook of the usual size the way there
 * and back costs more than the work: see `npm run bench -- verify`.
 *
 * @module
 */

import type { Bytes } from './base64.ts'

const BLOCK_BYTES = 64
const IPAD = 0x36
const OPAD = 0x5c

/** Tables and scratch memory, made at the first use: a module that only loads does no work. */
interface Workspace {
  readonly initial: Int32Array
  readonly constants: Int32Array
  /** The message schedule and the last blocks. No call leaves in the middle of their use. */
  readonly schedule: Int32Array
  readonly tail: Uint8Array
}

let workspace: Workspace | undefined

/**
 * Makes an HMAC of a key that was hashed once: each call costs the blocks of its content and two more.
 *
 * Its steps and its time depend on the content's length alone: there is no branch and no lookup by a secret.
 *
 * Source: RFC 2104, section 4 (intermediate results can be kept); FIPS 180-4, section 6.2.
 */
export function hmacSha256(key: Uint8Array): (content: Uint8Array) => Bytes {
  const short = key.length > BLOCK_BYTES ? sha256(key) : key
  const inner = padState(short, IPAD)
  const outer = padState(short, OPAD)
  return (content) => finish(outer, finish(inner, content, BLOCK_BYTES), BLOCK_BYTES)
}

function sha256(content: Uint8Array): Bytes {
  return finish(workspaceOf().initial, content, 0)
}

function padState(key: Uint8Array, pad: number): Int32Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(pad)
  for (let i = 0; i < key.length; i++) block[i] = (key[i] ?? 0) ^ pad
  const space = workspaceOf()
  const state = space.initial.slice()
  compress(space, state, block, 0)
  return state
}

/** Hashes `content` after the `before` bytes that `start` stands for, and ends the message. */
function finish(start: Int32Array, content: Uint8Array, before: number): Bytes {
  const space = workspaceOf()
  const state = start.slice()
  const { length } = content
  const whole = length - (length % BLOCK_BYTES)
  for (let at = 0; at < whole; at += BLOCK_BYTES) compress(space, state, content, at)

  // The rest, a one bit, zeros, and the length in bits as 64 bits: one block or two.
  const { tail } = space
  const end = length - whole < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES
  tail.fill(0)
  for (let i = whole; i < length; i++) tail[i - whole] = content[i]!
  tail[length - whole] = 0x80
  let bits = (before + length) * 8
  for (let i = end - 1; bits > 0; i--, bits = Math.floor(bits / 256)) tail[i] = bits % 256
  for (let at = 0; at < end; at += BLOCK_BYTES) compress(space, state, tail, at)

  const hash = new Uint8Array(32)
  for (let i = 0; i < hash.length; i++) hash[i] = state[i >> 2]! >>> (24 - 8 * (i & 3))
  return hash
}

/** FIPS 180-4, section 6.2.2, over the block of `bytes` that begins at `at`. */
function compress(
  { constants, schedule: w }: Workspace,
  state: Int32Array,
  bytes: Uint8Array,
  at: number,
): void {
  for (let i = 0, j = at; i < 16; i++, j += 4) {
    w[i] = (bytes[j]! << 24) | (bytes[j + 1]! << 16) | (bytes[j + 2]! << 8) | bytes[j + 3]!
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!
    const y = w[i - 2]!
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
  }

  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + constants[i]! + w[i]!) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
  state[4]! += e
  state[5]! += f
  state[6]! += g
  state[7]! += h
}

/**
 * The first 32 bits of the fractions of the roots of the first primes: square roots of 8, cube roots of 64. Computed,
 * as 72 numbers are longer than their rule.
 *
 * Source: FIPS 180-4, sections 4.2.2 and 5.3.3.
 */
function workspaceOf(): Workspace {
  if (workspace !== undefined) return workspace
  const primes: number[] = []
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  const fraction = (root: number) => Math.floor((root % 1) * 2 ** 32) | 0
  workspace = {
    initial: Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime))),
    constants: Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime))),
    schedule: new Int32Array(64),
    tail: new Uint8Array(2 * BLOCK_BYTES),
  }
  return workspace
}
