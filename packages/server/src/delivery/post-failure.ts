/** What went wrong with a request: errors of the guarded client, and the reason that each is recorded with. @module */

import type { FailureReason } from '../domain/delivery.ts'

/**
 * A fault whose reason is known where it is found. Thrown through the socket layer and undici, where only errors pass.
 *
 * Its message is recorded with the attempt, where the endpoint's owner reads it: it names nothing of the operator's.
 */
export class PostError extends Error {
  override readonly name = 'PostError'
  readonly reason: FailureReason

  constructor(reason: FailureReason, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options)
    this.reason = reason
  }
}

const REASONS: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  EPIPE: 'connection_reset',
  UND_ERR_SOCKET: 'connection_reset',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  UND_ERR_HEADERS_OVERFLOW: 'bad_response',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'bad_response',
}

/** Returns the reason and the words by which an error is recorded. */
export function failureOf(error: Error): { reason: FailureReason; detail: string } {
  const detail = error.message === '' ? error.name : error.message
  if (error instanceof PostError) return { reason: error.reason, detail }
  // Several addresses were tried (RFC 8305) and all failed: the first failure speaks for them.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return failureOf(error.errors[0])
  const code = codeOf(error)
  // Undici has one code for a connection that is torn down and for an answer that nobody asked for.
  if (code === 'UND_ERR_SOCKET' && detail.startsWith('bad ')) {
    return { reason: 'bad_response', detail: `not the answer to an HTTP/1.1 request: ${detail}` }
  }
  const reason = REASONS[code]
  if (reason !== undefined) return { reason, detail }
  // Undici gives only some faults of its parser a code.
  if (code.startsWith('HPE_') || error.name === 'HTTPParserError') {
    return { reason: 'bad_response', detail: `not HTTP: ${detail}` }
  }
  // TLS 1.3 lets a receiver refuse our certificate after the handshake, from our side of it.
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') {
    return { reason: 'tls_failure', detail }
  }
  return { reason: 'network_failure', detail }
}

/**
 * Returns an error of the TLS handshake as what it is. Node.js and OpenSSL have some fifty codes for a certificate alone,
 * so it is told by when it came: after TCP was connected and before TLS was.
 */
export function handshakeError(cause: Error): Error {
  const isOfTransport = codeOf(cause) in REASONS
  return cause instanceof PostError || isOfTransport
    ? cause
    : new PostError('tls_failure', cause.message, { cause })
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
