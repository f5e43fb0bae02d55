/** What Posthorn refuses, and why. @module */

/** Every code that an error of Posthorn can carry. `docs/errors.md` explains each. */
export type ErrorCode =
  | 'bad_request'
  | 'malformed_json'
  | 'unsupported_media_type'
  | 'validation'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'uid_exists'
  | 'event_type_exists'
  | 'event_id_exists'
  | 'idempotency_key_reused'
  | 'too_many_requests'
  | 'limit_reached'
  | 'payload_too_large'
  | 'request_timeout'
  | 'busy'
  | 'internal'
  | 'bad_config'
  | 'data_in_use'
  | 'data_unreadable'
  | 'bad_key'
  | 'bad_export'

/**
 * A refusal or a fault with a stable `code`. `message` says what was wrong, `hint` what would be right.
 * A failed delivery is not an error: it is an outcome, and data.
 */
export class PosthornError extends Error {
  override readonly name = 'PosthornError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

/** One fault of an input: where it is, what is wrong, and the kind of rule that it breaks. */
export interface ValidationFault {
  /** Path to the value: `['body', 'eventTypes', '0']`. */
  readonly loc: readonly string[]
  readonly msg: string
  readonly type: string
}

/** An input that breaks its schema. Names every fault that was found. */
export class ValidationError extends PosthornError {
  readonly faults: readonly ValidationFault[]

  constructor(faults: readonly ValidationFault[]) {
    super('validation', faults.map((fault) => `${fault.loc.join('.')}: ${fault.msg}`).join('; '))
    this.faults = faults
  }
}
