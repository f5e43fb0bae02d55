import { Readable } from 'node:stream'
import type { Socket } from 'node:net'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { MAX_ANSWER_BYTES, MAX_INTERIM_ANSWERS, watchIntake } from './intake.ts'

const INTERIM = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nx: HTTP/1.1 200 OK\r\n\r\n'

/** Gives these pieces to a watched socket, one after the other; returns what comes through, and how it ended. */
function through(pieces: readonly string[]): { text: string; bytes: number; fault: string | null } {
  const source = new Readable({ read() {} }) as unknown as Socket
  let fault: string | null = null
  source.on('error', () => {})
  const intake = watchIntake(source)
  intake.begin()
  let text = ''
  for (const piece of pieces) {
    ;(source as unknown as Readable).push(Buffer.from(piece, 'latin1'))
    for (let chunk = source.read(); chunk !== null; chunk = source.read()) text += chunk.toString('latin1')
    if (source.destroyed) break
  }
  if (source.destroyed) fault = source.errored?.message ?? ''
  return { text, bytes: intake.bytes, fault }
}

/** Cuts a text at these places. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [0, ...places.map((place) => place % text.length).toSorted((a, b) => a - b), text.length]
  return at
    .slice(1)
    .map((end, i) => text.slice(at[i], end))
    .filter((piece) => piece !== '')
}

test('interim answers are taken out, wherever the pieces are cut; all else comes through as it is', () => {
  const answers = [
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    'HTTP/1.0 404 No\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
    'HTTP/2 100 \r\n\r\n',
    '\0\0\0\x04\0\0\0\0\0, a preface of HTTP/2',
  ]
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(INTERIM, HINTS), { maxLength: MAX_INTERIM_ANSWERS }),
      fc.constantFrom(...answers),
      fc.array(fc.nat(), { maxLength: 20 }),
      (interim, answer, places) => {
        const sent = interim.join('') + answer
        const { text, bytes, fault } = through(cut(sent, places))
        expect({ text, bytes, fault }).toEqual({ text: answer, bytes: sent.length, fault: null })
      },
    ),
  )
})

test.each(['HTTP/1.1 000 No', 'HTTP/1.1 099 No', 'HTTP/1.1 1000 No', 'HTTP/2.0 200 OK', 'HTTP/0.9 200 OK'])(
  '"%s" begins no answer of HTTP/1.1, wherever the pieces are cut',
  (line) => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 5 }), (places) => {
        const { text, fault } = through(cut(`${INTERIM}${line}\r\ncontent-length: 0\r\n\r\n`, places))
        expect({ text, fault }).toEqual({
          text: '',
          fault: `not an HTTP/1.1 answer: ${JSON.stringify(line.slice(0, 13))}`,
        })
      }),
    )
  },
)

test('more interim answers than that are a fault, and so are more bytes', () => {
  const many = INTERIM.repeat(MAX_INTERIM_ANSWERS + 1)
  expect(through([many])).toMatchObject({ text: '', fault: 'more than 10 interim answers came' })
  expect(through([`${INTERIM.slice(0, -2)}x: ${'y'.repeat(20_000)}`])).toMatchObject({
    fault: 'an interim answer has more than 16384 bytes',
  })
  const half = 'x'.repeat(MAX_ANSWER_BYTES / 2)
  expect(through([half, half])).toMatchObject({ fault: null })
  expect(through([half, half, 'x'])).toMatchObject({ fault: 'the answer has more than 262144 bytes' })
})
