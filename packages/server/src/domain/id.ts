/** Ids: prefixed, sortable by time, unguessable. @module */

/**
 * Makes ids. Each is a prefix and 27 characters of `[0-9A-Za-z]`: 8 of time, 2 of sequence, 17 random.
 *
 *     msg_  0VgSo2Lk  07  q3JfYw0ZtB1hPz8Kd
 *           ms since   │   101 random bits
 *           1970       orders the ids of one process within one millisecond
 *
 * The text sorts (by code unit, `COLLATE "C"`) as the ids were made, so that new rows land at the right edge of
 * an index and a time filter is an id range.
 */
export const ID_PREFIXES = {
  application: 'app_',
  attempt: 'atmpt_',
  audit: 'aud_',
  endpoint: 'ep_',
  message: 'msg_',
  organisation: 'org_',
  task: 'qtask_',
  token: 'tok_',
} as const satisfies Record<string, string>

/** What an id names. */
export type IdKind = keyof typeof ID_PREFIXES

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const TIME_LENGTH = 8
const RANDOM_LENGTH = 17
const SEQUENCES = ALPHABET.length ** 2

/** The largest multiple of 62 in a byte: bytes from here on would favour the first characters. */
const FAIR_BYTES = 248
const pool = new Uint8Array(4_096)
let poolUsed = pool.length

let lastMs = 0
let lastTimeText = ''
let sequence = 0

/**
 * Returns a new id of the kind, greater than every id that this process made before.
 *
 * @param now - Epoch milliseconds. A clock that steps back does not: ids go on from the latest instant seen.
 */
export function newId(kind: IdKind, now: number): string {
  if (now > lastMs) {
    lastMs = now
    sequence = 0
    lastTimeText = encodeTime(now)
  } else if (++sequence === SEQUENCES) {
    // More than 3,844 ids in this millisecond: borrow from the next one rather than lose the order.
    lastMs += 1
    sequence = 0
    lastTimeText = encodeTime(lastMs)
  }
  const high = ALPHABET[Math.floor(sequence / ALPHABET.length)]!
  return (
    ID_PREFIXES[kind] +
    lastTimeText +
    high +
    ALPHABET[sequence % ALPHABET.length]! +
    randomText(RANDOM_LENGTH)
  )
}

/** Returns the text that sorts before every id of the kind made at `at` (epoch ms) or later, and after all older ones. */
export function firstIdAt(kind: IdKind, at: number): string {
  return ID_PREFIXES[kind] + encodeTime(Math.max(0, Math.ceil(at)))
}

/** Returns the instant at which an id of the kind was made, in epoch milliseconds. */
export function instantOf(kind: IdKind, id: string): number {
  const time = id.slice(ID_PREFIXES[kind].length, ID_PREFIXES[kind].length + TIME_LENGTH)
  return Array.from(time).reduce((ms, character) => ms * ALPHABET.length + ALPHABET.indexOf(character), 0)
}

/** Returns `length` characters of `[0-9A-Za-z]`, each worth 5.95 bits, from the system's secure source. */
export function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    if (poolUsed === pool.length) {
      crypto.getRandomValues(pool)
      poolUsed = 0
    }
    const byte = pool[poolUsed++]!
    if (byte < FAIR_BYTES) text += ALPHABET[byte % ALPHABET.length]!
  }
  return text
}

function encodeTime(ms: number): string {
  let text = ''
  for (let rest = ms, i = 0; i < TIME_LENGTH; i++) {
    text = ALPHABET[rest % ALPHABET.length]! + text
    rest = Math.floor(rest / ALPHABET.length)
  }
  return text
}
