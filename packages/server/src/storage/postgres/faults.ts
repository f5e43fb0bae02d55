/** What PostgreSQL and the way to it may do to a statement, told apart by what follows. @module */

import { DatabaseError } from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import { isCertificateRefusal } from './tls.ts'

/** SQLSTATEs of a server that ends or refuses connections. Source: PostgreSQL's documentation, appendix A. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  '25006', // read_only_sql_transaction: this server became a standby
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
])

/** SQLSTATEs after which the same transaction may go through: another one was in its way. */
const TRANSIENT: ReadonlySet<string> = new Set(['40001', '40P01', '55P03'])

const NOT_SUPPORTED = '0A000'
/** Of a statement that was prepared before a table which it returns had its columns of today. */
const STALE_PLAN = 'cached plan must not change result type'

const CONNECTION_EXCEPTION = '08'
const QUERY_CANCELED = '57014'
const UNDEFINED_TABLE = '42P01'
const UNIQUE_VIOLATION = '23505'
/** Text with a NUL, or not in UTF-8. */
const BAD_CHARACTER = '22021'

/** What the driver says where the connection, and not the server, is at fault. It gives these no code. */
const LOST =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|Client was closed|The server does not support SSL)/

const NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/** Tells whether the connection was lost or refused, so that a statement may or may not have had its effect. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  if (error instanceof DatabaseError) {
    return code !== null && (UNAVAILABLE.has(code) || code.startsWith(CONNECTION_EXCEPTION))
  }
  // A certificate that has run out, say: nothing of the statement was done, and it may be mended meanwhile.
  return (code !== null && NETWORK.has(code)) || isCertificateRefusal(error) || LOST.test(error.message)
}

/** Tells whether the transaction was undone because of another one, and may be tried again. */
export function isTransient(error: unknown): boolean {
  return (error instanceof DatabaseError && TRANSIENT.has(error.code ?? '')) || isStale(error)
}

/** Tells whether the connection has prepared this statement for a schema of before: another one will do. */
export function isStale(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === NOT_SUPPORTED && error.message === STALE_PLAN
}

/** Tells whether a statement named a table that is not there: a day that retention has dropped. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === UNDEFINED_TABLE
}

/** Tells whether a write broke this unique constraint, or any where none is named. */
export function isTaken(error: unknown, constraint: string): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === UNIQUE_VIOLATION &&
    (error.constraint?.includes(constraint) ?? false)
  )
}

/** Returns what the caller is told: a refusal as it is, and of faults those as refusals that are his or will pass. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof PosthornError) return error
  if (isLost(error) || isTransient(error)) return unavailable(error)
  if (error instanceof DatabaseError && error.code === QUERY_CANCELED) {
    return new PosthornError('busy', 'The database took too long', {
      hint: 'Send it again after the time in Retry-After',
      cause: error,
    })
  }
  if (error instanceof DatabaseError && error.code === BAD_CHARACTER) {
    return new PosthornError('bad_request', 'Text with a NUL character cannot be stored', {
      hint: 'Leave the character U+0000 out',
      cause: error,
    })
  }
  return error
}

/** What a caller is told while the database cannot be reached. */
export function unavailable(cause: unknown): PosthornError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new PosthornError('busy', `The database cannot be reached: ${said}`, {
    hint: 'Send it again after the time in Retry-After',
    cause,
  })
}

function codeOf(error: Error): string | null {
  return 'code' in error && typeof error.code === 'string' ? error.code : null
}
