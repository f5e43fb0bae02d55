import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'

import { VERIFICATION_HINTS } from './error.ts'
import type { WebhookInput } from './input.ts'
import type { Scheme, VerifyResult } from './scheme.ts'
import { generateSecret } from './secret.ts'
import { signHeaders } from './sign.ts'
import { standardWebhooks } from './standard-webhooks.ts'
import { verify, type VerifyOptions } from './verify.ts'

const SECRET = generateSecret()
const BODY = '{"price": 1.0, "name": "é 📯 $&"}'
const SECONDS = 1_790_000_000

const signed = (body: string | Uint8Array = BODY) =>
  signHeaders(SECRET, { id: 'msg_1', timestamp: SECONDS, body })

/** What `verify` says: the verified body, or the code. */
async function outcome(input: unknown, options: VerifyOptions = {}): Promise<string> {
  // As a caller without types has it. A method, because its parameters may be widened.
  const untyped: { verify(input: unknown, ...rest: [Scheme, VerifyOptions]): Promise<VerifyResult> } = {
    verify,
  }
  const scheme = standardWebhooks({ secrets: SECRET })
  const result = await untyped.verify(input, scheme, { now: () => SECONDS * 1_000, ...options })
  return result.ok ? result.event.text() : result.code
}

const fetchRequest = (init: RequestInit & { duplex?: 'half' }) =>
  new Request('https://receiver.test/hook', { method: 'POST', ...init })

/** A body of endless chunks of 1 kB that counts what was taken and knows whether it was cancelled. */
function endlessBody() {
  const seen = { chunks: 0, isCancelled: false }
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      seen.chunks += 1
      controller.enqueue(new Uint8Array(1_024))
    },
    cancel() {
      seen.isCancelled = true
    },
  })
  return { seen, stream }
}

/** Posts to a real Node server and returns what its handler answered. */
async function post(
  headers: Record<string, string>,
  body: string | Uint8Array,
  handle: (request: IncomingMessage) => Promise<string>,
): Promise<string> {
  const server = createServer((request, response) => {
    void handle(request).then((text) => response.setHeader('connection', 'close').end(text))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  try {
    return await new Promise<string>((resolve, reject) => {
      const outgoing = httpRequest({ port: address.port, method: 'POST', headers }, (response) => {
        void response
          .setEncoding('utf8')
          .toArray()
          .then((chunks) => resolve(chunks.join('')), reject)
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a raw body is taken as text, as bytes, as a view into a larger buffer and as an ArrayBuffer', async () => {
  const headers = await signed()
  const bytes = new TextEncoder().encode(BODY)
  const pooled = Buffer.concat([Buffer.from('..'), bytes, Buffer.from('..')]).subarray(2, -2)
  for (const body of [BODY, bytes, pooled, bytes.buffer]) expect(await outcome({ headers, body })).toBe(BODY)
})

test('rawBody is preferred to a body that a framework parsed', async () => {
  const headers = await signed()
  expect(await outcome({ headers, rawBody: Buffer.from(BODY), body: JSON.parse(BODY) })).toBe(BODY)
})

test('a parsed body is refused and never serialised again, even where that would match', async () => {
  for (const value of [{ a: 1 }, [1, 2], 42, true, null, {}]) {
    const text = JSON.stringify(value)
    const headers = await signed(text)
    expect(await outcome({ headers, body: text })).toBe(text)
    expect(await outcome({ headers, body: value })).toBe('parsed_body')
    expect(await outcome({ headers, body: { toString: () => text, toJSON: () => value } })).toBe(
      'parsed_body',
    )
  }
  expect(VERIFICATION_HINTS.parsed_body).toContain('express.raw')
})

test('something that is no request is told so', async () => {
  for (const input of [undefined, null, 'text', 1, {}, { headers: null, body: '' }, { headers: {} }]) {
    expect(await outcome(input)).toBe('unknown_input')
  }
})

test('a web Request is read, also one without a body', async () => {
  expect(await outcome(fetchRequest({ headers: await signed(), body: BODY }))).toBe(BODY)
  expect(await outcome(fetchRequest({ headers: await signed('') }))).toBe('')
})

test('a web Request whose body was read, or is being read, is refused', async () => {
  const used = fetchRequest({ headers: await signed(), body: BODY })
  await used.text()
  expect(await outcome(used)).toBe('body_used')

  const locked = fetchRequest({ headers: await signed(), body: BODY })
  locked.body!.getReader()
  expect(await outcome(locked)).toBe('body_used')

  const verified = fetchRequest({ headers: await signed(), body: BODY })
  expect(await outcome(verified.clone())).toBe(BODY)
  expect(await outcome(verified)).toBe(BODY)
  expect(await outcome(verified)).toBe('body_used')
})

test('a Request of another implementation is read by its shape', async () => {
  const bytes = new TextEncoder().encode(BODY)
  const foreign = {
    headers: new Headers(await signed()),
    body: {},
    bodyUsed: false,
    arrayBuffer: () => Promise.resolve(bytes.buffer),
  }
  expect(await outcome(foreign)).toBe(BODY)
})

test('an endless web body is cancelled at maxBodyBytes', async () => {
  const { seen, stream } = endlessBody()
  const request = fetchRequest({ headers: await signed(), body: stream, duplex: 'half' })
  expect(await outcome(request, { maxBodyBytes: 10_000 })).toBe('body_too_large')
  expect(seen.isCancelled).toBe(true)
  expect(seen.chunks).toBeLessThan(15)
})

test('a body of exactly maxBodyBytes is accepted, and one byte more refused, in every form', async () => {
  const maxBodyBytes = new TextEncoder().encode(BODY).length
  const headers = await signed()
  const forms: (() => WebhookInput)[] = [
    () => ({ headers, body: BODY }),
    () => fetchRequest({ headers, body: BODY }),
    () => Object.assign(Readable.from([Buffer.from(BODY)]), { headers }),
  ]
  for (const form of forms) {
    expect(await outcome(form(), { maxBodyBytes })).toBe(BODY)
    expect(await outcome(form(), { maxBodyBytes: maxBodyBytes - 1 })).toBe('body_too_large')
  }
})

test('the default limit lets 1 MiB pass and no more', async () => {
  const body = new Uint8Array(1_048_577)
  expect(await outcome({ headers: await signed(body), body })).toBe('body_too_large')
  const exact = body.subarray(1)
  expect(await outcome({ headers: await signed(exact), body: exact })).toHaveLength(1_048_576)
})

test('a length that is announced beyond the limit is refused without reading', async () => {
  const { seen, stream } = endlessBody()
  const request = fetchRequest({
    headers: { ...(await signed()), 'content-length': '20000' },
    body: stream,
    duplex: 'half',
  })
  const taken = seen.chunks
  expect(await outcome(request, { maxBodyBytes: 10_000 })).toBe('body_too_large')
  expect(seen.chunks).toBe(taken)
})

test('a Node request is read from its stream, over a real connection', async () => {
  expect(await post(await signed(), BODY, (request) => outcome(request))).toBe(BODY)
  expect(await post(await signed(''), '', (request) => outcome(request))).toBe('')

  const large = 'x'.repeat(300_000)
  const verified = await post(await signed(large), large, (request) =>
    outcome(request satisfies WebhookInput),
  )
  expect(verified).toBe(large)
})

test('a Node request whose body was read is refused, also when it was empty', async () => {
  for (const body of [BODY, '']) {
    const code = await post(await signed(body), body, async (request) => {
      await request.toArray()
      return outcome(request)
    })
    expect(code).toBe('body_used')
  }
})

test('a stream of which only a part was read is refused', async () => {
  const stream = Readable.from([Buffer.from('{'), Buffer.from(BODY)])
  await stream[Symbol.asyncIterator]().next()
  expect(await outcome(Object.assign(stream, { headers: await signed() }))).toBe('body_used')
})

test('a Node request that decodes its body to text is refused', async () => {
  const code = await post(await signed(), BODY, (request) => outcome(request.setEncoding('latin1')))
  expect(code).toBe('body_unreadable')
})

test('a Node request beyond the limit can still be answered', async () => {
  const chunked = { ...(await signed()), 'transfer-encoding': 'chunked' }
  for (const headers of [chunked, await signed()]) {
    const code = await post(headers, new Uint8Array(50_000), (request) =>
      outcome(request, { maxBodyBytes: 1_000 }),
    )
    expect(code).toBe('body_too_large')
  }
})

test('a Node request beyond the limit is not destroyed: its socket carries the answer', async () => {
  const stream = Object.assign(Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(1_000))), {
    headers: await signed(),
  })
  expect(await outcome(stream, { maxBodyBytes: 2_500 })).toBe('body_too_large')
  await new Promise((resolve) => setImmediate(resolve))
  expect(stream.destroyed).toBe(false)
})

test('a stream that fails is data, not an exception', async () => {
  const failing = new Readable({ read: () => failing.destroy(new Error('connection reset')) })
  expect(await outcome(Object.assign(failing, { headers: await signed() }))).toBe('body_unreadable')

  const stream = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) })
  const request = fetchRequest({ headers: await signed(), body: stream, duplex: 'half' })
  expect(await outcome(request)).toBe('body_unreadable')
})
