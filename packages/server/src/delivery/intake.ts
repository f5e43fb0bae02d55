/** Watches what comes in on a connection, before undici reads it. @module */

import type { Socket } from 'node:net'

import { PostError } from './post-failure.ts'

/** Bytes of an answer altogether, past which it is refused. Its headers and its body have limits of their own below this. */
export const MAX_ANSWER_BYTES = 262_144

/** Bytes of one interim answer. */
const MAX_INTERIM_BYTES = 16_384

/** Interim answers to one request, past which it is refused. */
export const MAX_INTERIM_ANSWERS = 10

const NOTHING = Buffer.alloc(0)

/** As far as a status line tells what kind of answer it begins: with what ends the status, which might have more digits. */
const STATUS_LINE = 'HTTP/1.1 1xx '
/** Where the status begins in it, and where the version does. */
const STATUS_AT = STATUS_LINE.indexOf('1xx')
const VERSION_AT = STATUS_LINE.indexOf('1.1')
const [DIGIT_1, DIGIT_2, DIGIT_9] = [0x31, 0x32, 0x39]
/** 101 is none: it would be a change of protocol, which nobody asked for. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/
/** What undici's parser takes and a final answer cannot be: another version, or a status that there is not (RFC 9112, section 4). */
const NO_ANSWER = /^HTTP\/(?:(?!1\.)\d\.\d|1\.[01] (?:0\d\d|1(?!01)\d\d\d))/

/** What came in for the request under way. */
export interface Intake {
  /** Bytes since {@link Intake.begin}. */
  readonly bytes: number
  /** Says that a request is about to be sent, and counts from here. */
  begin(): void
}

/**
 * Takes the interim answers (1xx) out of what a socket gives to read, and ends it when an answer has too many of them or
 * too many bytes.
 *
 * A client must be able to pass over interim answers, also those that it did not ask for (RFC 9110, section 15.2); undici
 * takes `100 Continue` for a fault. And it counts neither them, nor the extensions of chunks, nor trailers.
 */
export function watchIntake(socket: Socket): Intake {
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null
  let bytes = 0
  let interimAnswers = 0
  let isBeforeAnswer = false
  let held: Buffer = NOTHING

  socket.read = (size?: number): Buffer | null => {
    for (;;) {
      const chunk = read(size)
      if (chunk === null) return null
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) return end(`the answer has more than ${MAX_ANSWER_BYTES} bytes`)
      if (!isBeforeAnswer) return chunk
      // The usual answer, told by two bytes.
      if (held.length === 0 && chunk.length >= STATUS_LINE.length && isUsual(chunk)) {
        isBeforeAnswer = false
        return chunk
      }
      const rest = withoutInterim(held.length === 0 ? chunk : Buffer.concat([held, chunk]))
      if (rest !== null || socket.destroyed) return rest
    }
  }

  /** Returns what follows the interim answers, or `null` where nothing does yet. */
  function withoutInterim(received: Buffer): Buffer | null {
    let rest = received
    for (;;) {
      const start = rest.toString('latin1', 0, STATUS_LINE.length)
      const isWhole = start.length === STATUS_LINE.length
      if (isWhole ? !INTERIM.test(start) : !'HTTP/'.startsWith(start.slice(0, 5))) {
        isBeforeAnswer = false
        held = NOTHING
        return NO_ANSWER.test(start) ? end(`not an HTTP/1.1 answer: ${JSON.stringify(start)}`) : rest
      }
      const headEnd = rest.indexOf('\r\n\r\n')
      if (!isWhole || headEnd === -1) {
        held = rest
        return rest.length > MAX_INTERIM_BYTES
          ? end(`an interim answer has more than ${MAX_INTERIM_BYTES} bytes`)
          : null
      }
      interimAnswers += 1
      if (interimAnswers > MAX_INTERIM_ANSWERS) {
        return end(`more than ${MAX_INTERIM_ANSWERS} interim answers came`)
      }
      rest = rest.subarray(headEnd + 4)
    }
  }

  function isUsual(chunk: Buffer): boolean {
    const digit = chunk[STATUS_AT]!
    return digit >= DIGIT_2 && digit <= DIGIT_9 && chunk[VERSION_AT] === DIGIT_1
  }

  function end(fault: string): null {
    socket.destroy(new PostError('bad_response', fault))
    return null
  }

  return {
    get bytes() {
      return bytes
    },
    begin() {
      bytes = 0
      interimAnswers = 0
      isBeforeAnswer = true
      held = NOTHING
    },
  }
}
