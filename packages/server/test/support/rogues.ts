/** Receivers that are slow, hostile or wrong, and what must be recorded of each. @module */

import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

import { expect } from 'vitest'

import { type Authority, type Certified, makeAuthority, selfSigned } from './certificates.ts'
import { closedPort } from './closed-port.ts'
import { type SocketServer, drip, flood, neverAccepting, onRequest, serveSockets } from './socket-server.ts'

/** The deadline of the attempts that are made at rogues: enough for those that answer, on a machine that is busy. */
export const ROGUE_TIMEOUT_MS = 6_000

/** Bytes of an answer that are kept. */
export const KEPT_BYTES = 16_384

/** What an attempt must say. */
export interface ExpectedAttempt {
  readonly statusText: 'success' | 'fail'
  readonly responseStatusCode: number
  readonly failure: string | null
  readonly response: unknown
}

/** One receiver. */
export interface Rogue {
  readonly title: string
  /** @param authority - Whom the server trusts. */
  readonly start: (authority: Authority) => Promise<SocketServer>
  readonly scheme?: 'https'
  /** By default 127.0.0.1. */
  readonly host?: string
  /** Payload of the message; by default small. */
  readonly payload?: object
  readonly attempt: ExpectedAttempt
}

/** Names that the tests resolve, besides those which do not exist. */
export const NAMES: Readonly<Record<string, readonly string[] | 'silence'>> = {
  'silent.example': 'silence',
  'mixed.example': ['10.0.0.1', 'fd00::1', '127.0.0.1'],
  'private.example': ['10.0.0.1', 'fd00::1'],
}

function fails(failure: string, detail: string): ExpectedAttempt {
  return { statusText: 'fail', responseStatusCode: 0, failure, response: expect.stringContaining(detail) }
}

function answers(responseStatusCode: number, response: unknown): ExpectedAttempt {
  const statusText = responseStatusCode === 200 ? 'success' : 'fail'
  return { statusText, responseStatusCode, failure: null, response }
}

const WITHIN = `within ${ROGUE_TIMEOUT_MS} ms`
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** Does this with each request. */
function onEach(act: (socket: Socket, turn: number) => unknown): Rogue['start'] {
  return () => serveSockets((socket) => onRequest(socket, (_request, turn) => act(socket, turn)))
}

/** Writes this after each request. */
function writing(text: string | Buffer): Rogue['start'] {
  return onEach((socket) => socket.write(text))
}

/** Writes this at once, whether it is asked or not. */
function greeting(text: string | Buffer): Rogue['start'] {
  return () => serveSockets((socket) => socket.write(text))
}

/** Answers well, over TLS of this kind. */
function overTls(options: (authority: Authority) => Certified & TlsOptions): Rogue['start'] {
  return (authority) => {
    const { certificate, ...rest } = options(authority)
    return serveSockets((socket) => onRequest(socket, () => socket.write(OK)), { cert: certificate, ...rest })
  }
}

const deaf: Rogue['start'] = () => serveSockets((socket) => socket.resume())

const nobody: Rogue['start'] = async () => ({
  port: await closedPort(),
  accepted: 0,
  close: async () => {},
})

/** All of them. */
export const ROGUES: readonly Rogue[] = [
  {
    title: 'never accepts',
    start: neverAccepting,
    attempt: fails('connect_timeout', `no connection was made ${WITHIN}`),
  },
  {
    title: 'is not there',
    start: nobody,
    attempt: fails('connection_refused', 'ECONNREFUSED'),
  },
  {
    title: 'accepts and stalls',
    start: deaf,
    attempt: fails('timeout', `no response came ${WITHIN}`),
  },
  {
    title: 'reads nothing of what it is sent',
    start: () => serveSockets((socket) => socket.pause()),
    payload: { filler: 'x'.repeat(1_000_000) },
    attempt: fails('timeout', `no response came ${WITHIN}`),
  },
  {
    title: 'drips its headers',
    start: onEach((socket) => drip(socket, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(9_000)}`, 50)),
    attempt: fails('timeout', `no response came ${WITHIN}`),
  },
  {
    title: 'drips its body',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n')
      drip(socket, 'z'.repeat(9_000), 50)
    }),
    attempt: fails('timeout', `the response (status 200) did not end ${WITHIN}`),
  },
  {
    title: 'stalls within its body',
    start: writing('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
    attempt: fails('timeout', `the response (status 200) did not end ${WITHIN}`),
  },
  {
    title: 'answers a body without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      flood(socket, `4000\r\n${'x'.repeat(0x4000)}\r\n`)
    }),
    attempt: answers(200, 'x'.repeat(KEPT_BYTES)),
  },
  {
    title: 'answers a body that is longer than what is kept',
    start: writing(
      `HTTP/1.1 500 No\r\ncontent-length: ${KEPT_BYTES + 1}\r\n\r\n${'a'.repeat(KEPT_BYTES - 1)}bc`,
    ),
    attempt: answers(500, `${'a'.repeat(KEPT_BYTES - 1)}b`),
  },
  {
    title: 'answers headers without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      flood(socket, `x: ${'y'.repeat(8_000)}\r\n`)
    }),
    attempt: fails('bad_response', 'Headers Overflow'),
  },
  {
    title: 'answers one header without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ')
      flood(socket, 'y'.repeat(8_000))
    }),
    attempt: fails('bad_response', 'Headers Overflow'),
  },
  {
    title: 'answers a status line without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 ')
      flood(socket, 'O'.repeat(8_000))
    }),
    attempt: fails('bad_response', 'more than 262144 bytes'),
  },
  {
    title: 'answers too many headers',
    start: writing(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(257)}content-length: 0\r\n\r\n`),
    attempt: fails('bad_response', 'more than 256 headers'),
  },
  {
    title: 'answers extensions of chunks without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      flood(socket, `1;${'x'.repeat(8_000)}\r\nx\r\n`)
    }),
    attempt: fails('bad_response', 'more than 262144 bytes'),
  },
  {
    title: 'answers trailers without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n')
      flood(socket, `x: ${'y'.repeat(8_000)}\r\n`)
    }),
    attempt: fails('bad_response', 'Headers Overflow'),
  },
  {
    title: 'answers a gzip bomb',
    start: async (authority) => {
      // 50 MB of zeros, in 51 kB. Made before anything is under way: it takes a while.
      const bomb = await promisify(gzip)(Buffer.alloc(50_000_000))
      const head = `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`
      return writing(Buffer.concat([Buffer.from(head), bomb]))(authority)
    },
    // As it came: the mark of gzip, in which a byte is no UTF-8, and not one of the zeros.
    attempt: answers(200, expect.stringContaining('\x1f\uFFFD\b')),
  },
  {
    title: 'closes at once',
    start: () => serveSockets((socket) => socket.destroy()),
    attempt: fails('connection_reset', ''),
  },
  {
    title: 'resets within its body',
    start: onEach((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', () => socket.resetAndDestroy()),
    ),
    attempt: fails('connection_reset', ''),
  },
  {
    title: 'closes within its chunks',
    start: onEach((socket) =>
      socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'),
    ),
    attempt: fails('connection_reset', ''),
  },
  {
    title: 'redirects to the metadata of a cloud',
    start: writing(
      'HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 5\r\n\r\nthere',
    ),
    attempt: answers(302, 'there'),
  },
  {
    title: 'says 100 Continue, which nobody asked for',
    start: writing(`HTTP/1.1 100 Continue\r\n\r\n${OK}`),
    attempt: answers(200, 'ok'),
  },
  {
    title: 'says 100 Continue in pieces',
    start: onEach((socket) => drip(socket, `HTTP/1.1 100 Continue\r\nx: y\r\n\r\n${OK}`, 1)),
    attempt: answers(200, 'ok'),
  },
  {
    title: 'hints early, then answers',
    start: writing(
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone',
    ),
    attempt: answers(404, 'none'),
  },
  {
    title: 'says 100 Continue without end',
    start: onEach((socket) => flood(socket, 'HTTP/1.1 100 Continue\r\n\r\n')),
    attempt: fails('bad_response', 'more than 10 interim answers'),
  },
  {
    title: 'says an interim answer without end',
    start: onEach((socket) => {
      socket.write('HTTP/1.1 102 Processing\r\n')
      flood(socket, `x: ${'y'.repeat(8_000)}\r\n`)
    }),
    attempt: fails('bad_response', 'interim answer has more than'),
  },
  {
    title: 'changes the protocol',
    start: writing('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    attempt: fails('bad_response', ''),
  },
  {
    title: 'speaks HTTP/1.0 and says no length',
    start: onEach((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nold but good')),
    attempt: answers(200, 'old but good'),
  },
  {
    title: 'speaks SSH',
    start: greeting('SSH-2.0-OpenSSH_9.6\r\n'),
    attempt: fails('bad_response', ''),
  },
  {
    title: 'speaks nothing that we know',
    start: writing(Buffer.from([0, 1, 2, 255, 254, 10, 13, 10])),
    attempt: fails('bad_response', 'not HTTP'),
  },
  {
    title: 'speaks only HTTP/2',
    // Its preface: an empty SETTINGS frame (RFC 9113, section 3.4).
    start: greeting(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])),
    attempt: fails('bad_response', ''),
  },
  {
    title: 'says a length and chunks',
    start: writing(
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ),
    attempt: fails('bad_response', ''),
  },
  {
    title: 'says two lengths',
    start: writing('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    attempt: fails('bad_response', ''),
  },
  {
    title: 'ends its lines without a carriage return',
    start: writing('HTTP/1.1 200 OK\nx: y\ncontent-length: 2\n\nok'),
    attempt: fails('bad_response', ''),
  },
  {
    title: 'answers before it has read the body',
    start: () =>
      serveSockets((socket) =>
        socket.once('data', () => {
          socket.pause()
          socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\n\r\ntoo much')
        }),
      ),
    payload: { filler: 'x'.repeat(1_000_000) },
    attempt: answers(413, 'too much'),
  },
  {
    title: 'answers bytes that are no text',
    start: writing(Buffer.from('HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\n\x00\xffA\xc3', 'latin1')),
    attempt: answers(500, '\uFFFD\uFFFDA\uFFFD'),
  },
  {
    title: 'has a good certificate',
    scheme: 'https',
    start: overTls((authority) => authority.issue()),
    attempt: answers(200, 'ok'),
  },
  {
    title: 'has an expired certificate',
    scheme: 'https',
    start: overTls((authority) => authority.issue({ notAfter: '20260101000000Z' })),
    attempt: fails('tls_failure', 'certificate has expired'),
  },
  {
    title: 'has a certificate that is not valid yet',
    scheme: 'https',
    start: overTls((authority) => authority.issue({ notBefore: '20980101000000Z' })),
    attempt: fails('tls_failure', 'certificate is not yet valid'),
  },
  {
    title: 'has a certificate that it signed itself',
    scheme: 'https',
    start: overTls(() => selfSigned()),
    attempt: fails('tls_failure', 'self-signed certificate'),
  },
  {
    title: 'has a certificate by nobody that we trust',
    scheme: 'https',
    start: overTls(() => makeAuthority('Another').issue()),
    attempt: fails('tls_failure', 'unable to verify the first certificate'),
  },
  {
    title: 'has a certificate for another name',
    scheme: 'https',
    start: overTls((authority) => authority.issue({ names: ['other.example', '127.0.0.2'] })),
    attempt: fails('tls_failure', "does not match certificate's altnames"),
  },
  {
    title: 'speaks only TLS 1.1',
    scheme: 'https',
    start: overTls((authority) => ({
      ...authority.issue(),
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })),
    attempt: fails('tls_failure', 'version'),
  },
  {
    title: 'speaks only HTTP/2 over TLS',
    scheme: 'https',
    start: overTls((authority) => ({ ...authority.issue(), ALPNProtocols: ['h2'] })),
    attempt: fails('tls_failure', 'protocol'),
  },
  {
    title: 'wants a certificate of us, and hangs up without one',
    scheme: 'https',
    start: overTls((authority) => ({
      ...authority.issue(),
      requestCert: true,
      ca: authority.certificate,
    })),
    attempt: fails('connection_reset', ''),
  },
  {
    title: 'speaks plain HTTP behind an https URL',
    scheme: 'https',
    start: greeting('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'),
    attempt: fails('tls_failure', ''),
  },
  {
    title: 'accepts and never speaks TLS',
    scheme: 'https',
    start: deaf,
    attempt: fails('connect_timeout', `TLS was not agreed on ${WITHIN}`),
  },
  {
    title: 'has a name that does not exist',
    host: 'nowhere.example',
    start: deaf,
    attempt: fails('dns_failure', 'ENOTFOUND nowhere.example'),
  },
  {
    title: 'has a name that nobody resolves',
    host: 'silent.example',
    start: deaf,
    attempt: fails('connect_timeout', `the name was not resolved ${WITHIN}`),
  },
  {
    title: 'has a name that leads to private addresses',
    host: 'private.example',
    start: deaf,
    attempt: fails('blocked_address', '10.0.0.1 is a private address, fd00::1 is a private address'),
  },
  {
    title: 'has a name that leads to private addresses, and to one that is allowed',
    host: 'mixed.example',
    start: writing(OK),
    attempt: answers(200, 'ok'),
  },
]
