/** The HTTP client of deliveries: guarded, bounded and with one deadline over everything. @module */

import { type LookupAddress, lookup as lookupName } from 'node:dns'
import type { LookupFunction } from 'node:net'

import { Agent, type Dispatcher, buildConnector } from 'undici'

import type { FailureReason } from '../domain/delivery.ts'
import { type AddressPolicy, classOf, refusalOf } from './address.ts'
import { plainHost } from './destination.ts'
import { ProxyError, openTunnel } from './egress-proxy.ts'

/** Bytes of a response's body that are kept: 16 KiB. */
export const MAX_RECORDED_BYTES = 16_384

/** Bytes of a response's body that are read, so that the connection can be used again, before it is cut: 64 KiB. */
const MAX_READ_BYTES = 65_536

/** Bytes of a response's headers, past which it is refused. */
const MAX_HEADER_BYTES = 16_384

/** How long an unused connection is kept. Shorter than the idle limit of common servers, lest a reuse meets their close. */
const KEEP_ALIVE_MS = 4_000

/** A request to make. */
export interface PostRequest {
  readonly url: URL
  /** Names in lower case. `host` and `content-length` are the client's own. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** For everything: name, connection, sending, headers, body. */
  readonly timeoutMs: number
}

/** How a request ended. Never an exception: a failed request is data. */
export type PostResult =
  | {
      readonly kind: 'answered'
      readonly statusCode: number
      readonly retryAfter: string | undefined
      /** The first {@link MAX_RECORDED_BYTES} of the body. */
      readonly body: string
    }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly detail: string }

/** Options of {@link guardedClient}. */
export interface GuardedClientOptions {
  readonly policy: AddressPolicy
  /** Sends everything through this proxy; names are resolved and addresses checked before it. */
  readonly proxy?: URL | null
  /** Resolves names; by default the system's. */
  readonly lookup?: typeof lookupName
}

/** Posts to endpoints. */
export interface GuardedClient {
  post(request: PostRequest): Promise<PostResult>
  /** Closes idle connections and aborts the rest. */
  close(): Promise<void>
}

/** An address that the policy refuses. Thrown through the socket layer, where only errors pass. */
class BlockedAddressError extends Error {
  override readonly name = 'BlockedAddressError'
}

/**
 * Returns a client that reaches only addresses which the policy allows.
 *
 * The address is checked when a connection is made, so that a name which resolves to another address than before is
 * caught: a literal in the URL (for which no lookup is ever called), each resolved address, and at last the socket's own
 * peer. Redirects are not followed, nothing is decompressed, and connections are kept for the next request.
 */
export function guardedClient(options: GuardedClientOptions): GuardedClient {
  const agent = new Agent({
    connect: guardedConnector(options),
    // Lanes bound the requests in flight per endpoint. A bound here would let one endpoint of a host stall another.
    connections: null,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: 60_000,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Each request has one deadline of its own over all of this.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return { post: (request) => post(agent, request), close: () => agent.destroy() }
}

function guardedConnector({
  policy,
  proxy = null,
  lookup = lookupName,
}: GuardedClientOptions): buildConnector.connector {
  const guardedLookup: LookupFunction = (hostname, lookupOptions, callback) => {
    lookup(hostname, { ...lookupOptions, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, [])
      const allowed = addresses.filter(({ address }) => refusalOf(address, policy) === null)
      const [first] = allowed
      if (first === undefined) {
        const refusals = addresses.map(({ address }) => refusalOf(address, policy)).join(', ')
        return callback(
          new BlockedAddressError(`${hostname} resolves to no allowed address: ${refusals}`),
          [],
        )
      }
      return lookupOptions.all === true
        ? callback(null, allowed)
        : callback(null, first.address, first.family)
    })
  }
  // Without a time-out of its own: the request's deadline is the only one. The cap ends what that left behind.
  const connect = buildConnector({
    lookup: guardedLookup,
    allowH2: false,
    timeout: 60_000,
    autoSelectFamily: true,
  })

  return (target, callback) => {
    const host = plainHost(target.hostname)
    const refusal = classOf(host) === null ? null : refusalOf(host, policy)
    if (refusal !== null) return callback(new BlockedAddressError(refusal), null)

    if (proxy !== null) return throughProxy(proxy, host, target, callback)

    return connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      const peerRefusal = refusalOf(socket.remoteAddress ?? '', policy)
      if (peerRefusal === null) return callback(null, socket)
      socket.destroy()
      return callback(new BlockedAddressError(peerRefusal), null)
    })
  }

  function throughProxy(
    through: URL,
    host: string,
    target: buildConnector.Options,
    callback: buildConnector.Callback,
  ): void {
    const port = target.port === '' ? (target.protocol === 'https:' ? 443 : 80) : Number(target.port)
    guardedLookup(host, { all: false }, (error, address) => {
      if (error !== null) return callback(error, null)
      openTunnel(through, { address: address as string, port }).then(
        (socket) => {
          if (target.protocol === 'https:') connect({ ...target, httpSocket: socket }, callback)
          else callback(null, socket)
        },
        (fault: Error) => callback(fault, null),
      )
    })
  }
}

function post(agent: Agent, { url, headers, body, timeoutMs }: PostRequest): Promise<PostResult> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let readBytes = 0
    let statusCode = 0
    let retryAfter: string | undefined
    let controller: Dispatcher.DispatchController | undefined
    let isSettled = false

    const settle = (result: PostResult) => {
      if (isSettled) return
      isSettled = true
      clearTimeout(deadline)
      resolve(result)
    }
    const answer = (): PostResult => ({ kind: 'answered', statusCode, retryAfter, body: textOf(chunks) })

    const deadline = setTimeout(() => {
      const stage =
        controller === undefined
          ? 'no connection was made'
          : statusCode === 0
            ? 'no response came'
            : `the response (status ${statusCode}) did not end`
      settle({
        kind: 'failed',
        reason: controller === undefined ? 'connect_timeout' : 'timeout',
        detail: `${stage} within ${timeoutMs} ms`,
      })
      controller?.abort(new Error('deadline'))
    }, timeoutMs)

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started
        // The deadline passed while the connection was being made: send nothing any more.
        if (isSettled) started.abort(new Error('deadline'))
      },
      onResponseStart(_controller, status, responseHeaders) {
        if (status < 200) return
        statusCode = status
        const value = responseHeaders['retry-after']
        retryAfter = Array.isArray(value) ? value[0] : value
      },
      onResponseData(started, chunk) {
        if (readBytes < MAX_RECORDED_BYTES) chunks.push(chunk.subarray(0, MAX_RECORDED_BYTES - readBytes))
        readBytes += chunk.length
        if (readBytes > MAX_READ_BYTES) {
          settle(answer())
          started.abort(new Error('response is long enough'))
        }
      },
      onResponseEnd: () => settle(answer()),
      onResponseError: (_controller, error) => settle({ kind: 'failed', ...failureOf(error) }),
    }
    try {
      agent.dispatch(
        { origin: url.origin, path: url.pathname + url.search, method: 'POST', headers, body },
        handler,
      )
    } catch (error) {
      settle({ kind: 'failed', ...failureOf(error as Error) })
    }
  })
}

/** A NUL has no place in a text column, and what is not UTF-8 is shown as such. */
function textOf(chunks: readonly Buffer[]): string {
  return chunks.length === 0 ? '' : Buffer.concat(chunks).toString('utf8').replaceAll('\0', '\uFFFD')
}

const REASONS: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  EPIPE: 'connection_reset',
  UND_ERR_SOCKET: 'connection_reset',
  ENOTFOUND: 'dns_failure',
  EAI_AGAIN: 'dns_failure',
  ENODATA: 'dns_failure',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  UND_ERR_HEADERS_OVERFLOW: 'bad_response',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'bad_response',
}

function failureOf(error: Error): { reason: FailureReason; detail: string } {
  const detail = error.message === '' ? error.name : error.message
  if (error instanceof BlockedAddressError) return { reason: 'blocked_address', detail }
  if (error instanceof ProxyError) return { reason: 'proxy_failure', detail }
  // Several addresses were tried (RFC 8305) and all failed: the first failure speaks for them.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return failureOf(error.errors[0])
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const reason = REASONS[code]
  if (reason !== undefined) return { reason, detail }
  // Undici gives only some faults of its parser a code.
  if (code.startsWith('HPE_') || error.name === 'HTTPParserError') {
    return { reason: 'bad_response', detail: `not HTTP: ${detail}` }
  }
  if (/CERT|TLS|SSL|SIGNED/.test(code)) return { reason: 'tls_failure', detail }
  return { reason: 'network_failure', detail }
}
