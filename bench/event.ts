/** The event of the bench: 1 KB of JSON that begins with the instant of its sending. @module */

const EVENT_BYTES = 1_024
const HEAD = '{"at":'

const TAIL = fill(',"data":{"invoice":"in_1Px2","customer":"Ætna"', '"}}')

/** Returns the bytes of an event made now, of which characters 6 to 22 are epoch milliseconds with fractions. */
export function eventBody(): string {
  return HEAD + (performance.timeOrigin + performance.now()).toFixed(2).padEnd(16, '0') + TAIL
}

function fill(head: string, tail: string): string {
  const plain = head.replace('Æ', 'Ae')
  const rest = EVENT_BYTES - HEAD.length - 16 - plain.length - tail.length - ',"note":"'.length
  return `${plain},"note":"${'lorem ipsum '.repeat(100).slice(0, rest)}${tail}`
}
