/** How a refusal or a fault is answered. @module */

import { type ErrorCode, PosthornError, ValidationError } from '../domain/errors.ts'
import { MAX_BODY_BYTES } from './json-body.ts'

/** The HTTP status of each code. `docs/errors.md` is held to this table by a test. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  bad_request: 400,
  malformed_json: 400,
  limit_reached: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  request_timeout: 408,
  conflict: 409,
  event_id_exists: 409,
  event_type_exists: 409,
  idempotency_key_reused: 409,
  uid_exists: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  validation: 422,
  too_many_requests: 429,
  internal: 500,
  busy: 503,
  bad_config: 500,
  bad_key: 500,
  bad_export: 500,
  data_in_use: 500,
  data_unreadable: 500,
}

/** Seconds after which a sender that was refused as `busy`, or called too often, may try again. */
const RETRY_AFTER_SECONDS = 1

/** An answer to be sent. */
export interface ErrorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

/** The codes of Fastify and Node that mean a refusal, in our terms. */
const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  HPE_HEADER_OVERFLOW: 'bad_request',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** Returns the answer to an error, in the API's form: `{code, detail}`, and for a breach of a schema a list of faults. */
export function errorReply(error: unknown): ErrorReply {
  const known = asPosthornError(error)
  const status = STATUS_OF[known.code]
  if (known instanceof ValidationError) return { status, headers: {}, body: { detail: known.faults } }
  const detail =
    status === 500
      ? 'The server failed at this; its log says why'
      : known.message + (known.hint === undefined ? '' : `. ${known.hint}`)
  return {
    status,
    headers: status === 503 || status === 429 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {},
    body: { code: known.code, detail },
  }
}

function asPosthornError(error: unknown): PosthornError {
  if (error instanceof PosthornError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const code = 'code' in cause && typeof cause.code === 'string' ? FRAMEWORK_CODES[cause.code] : undefined
  if (code === 'payload_too_large') {
    return new PosthornError(code, `The body is larger than ${MAX_BODY_BYTES} bytes`, { cause })
  }
  return new PosthornError(code ?? 'internal', cause.message, { cause })
}
