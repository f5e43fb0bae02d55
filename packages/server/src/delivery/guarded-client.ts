/** The HTTP client of deliveries: guarded, bounded and with one deadline over everything. @module */

import type { Dispatcher } from 'undici'

import type { FailureReason } from '../domain/delivery.ts'
import {
  type Connection,
  ConnectionPool,
  IDLE_LIMITS,
  type IdleLimits,
  type PoolCounts,
} from './connection-pool.ts'
import { type DestinationPolicy, destinationCheck } from './destination.ts'
import {
  type ClientCertificate,
  type ConnectionStage,
  type TlsPolicy,
  guardedConnector,
} from './guarded-connector.ts'
import type { NameLookup } from './guarded-lookup.ts'
import { failureOf } from './post-failure.ts'
import { faultOfRequestHeaders } from './request-headers.ts'

/** Bytes of a response's body that are kept: 16 KiB. */
export const MAX_RECORDED_BYTES = 16_384

/** Bytes of a response's body that are read, so that the connection can be used again, before it is cut: 64 KiB. */
const MAX_READ_BYTES = 65_536

/** Headers of a response. Their bytes have a limit of their own. */
const MAX_RESPONSE_HEADERS = 256

/** A request to make. */
export interface PostRequest {
  readonly url: URL
  /** By default `POST`. */
  readonly method?: 'POST' | 'OPTIONS'
  /** What the client sets itself may not be among them: `host`, `content-length`, `connection` and their like. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** For everything: name, connection, sending, headers, body. */
  readonly timeoutMs: number
  /** Shown to a receiver that asks for a certificate. Connections made with it serve no other. */
  readonly tls?: ClientCertificate | undefined
  /** Names, in lower case, of headers of the answer that are wanted. */
  readonly wantedHeaders?: readonly string[]
}

/** How a request ended. Never an exception: a failed request is data. */
export type PostResult =
  | {
      readonly kind: 'answered'
      readonly statusCode: number
      readonly retryAfter: string | undefined
      /** The first {@link MAX_RECORDED_BYTES} of the body. */
      readonly body: string
      /** Those of {@link PostRequest.wantedHeaders} that the answer has. */
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly detail: string }

/** Options of {@link guardedClient}. */
export interface GuardedClientOptions {
  readonly policy: DestinationPolicy
  /** Sends everything through this proxy; names are resolved and addresses checked before it. */
  readonly proxy?: URL | null
  /** Resolves names; by default the system's. */
  readonly lookup?: NameLookup | undefined
  readonly tls?: TlsPolicy
  readonly idleLimits?: IdleLimits
  /** Milliseconds, from any start: for the age of connections. */
  readonly clock?: () => number
  /** Told of each request that was sent again because the kept connection, on which it was sent, closed unanswered. */
  readonly onSentAgain?: (origin: string) => void
}

/** Posts to endpoints. */
export interface GuardedClient {
  post(request: PostRequest): Promise<PostResult>
  /** Closes all connections, with what is under way on them. */
  close(): Promise<void>
}

/** The one deadline of a request, and what to do when it passes. */
interface Deadline {
  readonly timeoutMs: number
  onPassed: () => void
}

/** What became of a request on one connection; `stale`: the connection was kept, and ended before it gave an answer to it. */
type ExchangeResult = PostResult | { readonly kind: 'stale'; readonly wasSent: boolean }

/**
 * Returns a client that reaches only addresses which the policy allows.
 *
 * The whole policy is asked on each request, and addresses are checked when a connection is made, so that a name which
 * resolves to another address than before is caught. Redirects are not followed and nothing is decompressed.
 *
 * Connections are kept for the next request. A receiver may close one in the moment in which a request is written on it;
 * nobody can tell then whether it was read. Such a request is sent once more, on a new connection, with the same id,
 * timestamp and signature and within the same deadline: deliveries are made at least once and their id is there to tell
 * repetitions by, whereas a failure would be recorded of a receiver that did nothing wrong. On a connection of its own
 * a request is never sent twice.
 */
export function guardedClient(
  options: GuardedClientOptions,
): GuardedClient & { /** Connections that there are now. */ readonly connections: PoolCounts } {
  const { policy, proxy = null, lookup, tls = {}, onSentAgain } = options
  const { idleLimits: limits = IDLE_LIMITS, clock = () => performance.now() } = options
  const faultOf = destinationCheck(policy)
  const open = guardedConnector({ policy, proxy, lookup, tls })
  const pool = new ConnectionPool({ limits, clock })

  return {
    post,
    get connections() {
      return pool.counts
    },
    close: async () => pool.close(),
  }

  async function post(request: PostRequest): Promise<PostResult> {
    const { url, timeoutMs } = request
    const fault = faultOf(url)
    if (fault !== null) return failed('blocked_address', `the URL ${fault}`)
    const headerFault = faultOfRequestHeaders(request.headers)
    if (headerFault !== null) return failed('network_failure', headerFault)

    const deadline: Deadline = { timeoutMs, onPassed: () => {} }
    const timer = setTimeout(() => deadline.onPassed(), timeoutMs)
    try {
      const key = keyOf(request)
      const kept = pool.take(key)
      if (kept !== null) {
        const result = await exchange(kept, request, deadline)
        if (result.kind !== 'stale') return result
        if (result.wasSent) onSentAgain?.(url.origin)
      }
      const connection = await newConnection(key, request, deadline)
      if ('kind' in connection) return connection
      const result = await exchange(connection, request, deadline)
      return result.kind === 'stale' ? failed('connection_reset', 'the connection was closed') : result
    } finally {
      clearTimeout(timer)
    }
  }

  function newConnection(
    key: string,
    { url, tls: certificate }: PostRequest,
    deadline: Deadline,
  ): Promise<Connection | PostResult> {
    return new Promise((resolve) => {
      const opening = open(url, certificate ?? null, (error, socket) => {
        if (error !== null) resolve({ kind: 'failed', ...failureOf(error) })
        else resolve(pool.add(key, url.origin, socket!))
      })
      deadline.onPassed = () => {
        opening.abort()
        resolve(lateConnection(opening.stage, deadline.timeoutMs))
      }
    })
  }

  /** Sends a request on a connection, which is released or gone afterwards. */
  function exchange(
    connection: Connection,
    { url, method = 'POST', headers, body, timeoutMs, wantedHeaders }: PostRequest,
    deadline: Deadline,
  ): Promise<ExchangeResult> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      const wasUsed = connection.isUsed
      let wasSent = false
      let readBytes = 0
      let statusCode = 0
      let retryAfter: string | undefined
      let wanted: Record<string, string> | undefined
      let isSettled = false

      const settle = (result: ExchangeResult) => {
        if (isSettled) return
        isSettled = true
        resolve(result)
      }
      const cut = (result: ExchangeResult) => {
        settle(result)
        pool.discard(connection)
      }
      const answer = (): PostResult => ({
        kind: 'answered',
        statusCode,
        retryAfter,
        body: textOf(chunks),
        ...(wanted === undefined ? {} : { headers: wanted }),
      })

      deadline.onPassed = () => {
        const stage =
          statusCode === 0 ? 'no response came' : `the response (status ${statusCode}) did not end`
        cut(failed('timeout', `${stage} within ${timeoutMs} ms`))
      }

      const handler: Dispatcher.DispatchHandler = {
        onRequestStart() {
          wasSent = true
        },
        onResponseStart(started, status, responseHeaders) {
          const count = Array.isArray(started.rawHeaders) ? started.rawHeaders.length / 2 : 0
          if (count > MAX_RESPONSE_HEADERS) {
            return cut(failed('bad_response', `the answer has more than ${MAX_RESPONSE_HEADERS} headers`))
          }
          statusCode = status
          retryAfter = firstOf(responseHeaders['retry-after'])
          if (wantedHeaders !== undefined) wanted = pick(responseHeaders, wantedHeaders)
        },
        onResponseData(_started, chunk) {
          if (readBytes < MAX_RECORDED_BYTES) chunks.push(chunk.subarray(0, MAX_RECORDED_BYTES - readBytes))
          readBytes += chunk.length
          if (readBytes > MAX_READ_BYTES) cut(answer())
        },
        onResponseEnd() {
          pool.release(connection)
          settle(answer())
        },
        onResponseError(_started, error) {
          // Bytes that came before it was sent are no answer to it: the connection ended over them.
          const isStale = wasUsed && (!wasSent || connection.intake.bytes === 0)
          cut(isStale ? { kind: 'stale', wasSent } : { kind: 'failed', ...failureOf(error) })
        },
      }
      connection.intake.begin()
      try {
        connection.client.dispatch({ path: url.pathname + url.search, method, headers, body }, handler)
      } catch (error) {
        cut({ kind: 'failed', ...failureOf(error as Error) })
      }
    })
  }
}

function pick(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = firstOf(headers[name])
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function failed(reason: FailureReason, detail: string): PostResult {
  return { kind: 'failed', reason, detail }
}

/** What may share connections: requests to one origin that show the same certificate, or none. */
function keyOf({ url, tls }: PostRequest): string {
  return tls === undefined ? url.origin : `${url.origin}\n${tls.certificate}\n${tls.key}`
}

const LATE: Readonly<Record<ConnectionStage, readonly [FailureReason, string]>> = {
  name: ['connect_timeout', 'the name was not resolved'],
  connection: ['connect_timeout', 'no connection was made'],
  tls: ['connect_timeout', 'a connection was made, but TLS was not agreed on'],
  proxy: ['proxy_failure', 'the egress proxy did not answer'],
  tunnel: ['connect_timeout', 'the egress proxy made no connection'],
}

function lateConnection(stage: ConnectionStage, timeoutMs: number): PostResult {
  const [reason, what] = LATE[stage]
  return failed(reason, `${what} within ${timeoutMs} ms`)
}

/** A NUL has no place in a text column, and what is not UTF-8 is shown as such. */
function textOf(chunks: readonly Buffer[]): string {
  return chunks.length === 0 ? '' : Buffer.concat(chunks).toString('utf8').replaceAll('\0', '\uFFFD')
}
