/** Messages that the process itself sends: checked as those of the API are, without a request. @module */

import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'

import { PosthornError, ValidationError } from '../../domain/errors.ts'
import { JSON_CONTENT_TYPE, type Message } from '../../domain/message.ts'
import { findOrMakeApplication } from '../application/find-or-make.ts'
import type { HttpDeps } from '../deps.ts'
import { idempotencyKeyOf } from '../idempotency.ts'
import { MAX_BODY_BYTES, parseJson } from '../json-body.ts'
import { nulsIn } from '../no-nul.ts'
import { faultsOf } from '../validation.ts'
import { acceptMessage } from './accept.ts'
import { isContentType, messageOf } from './new-message.ts'
import { MessageIn } from './schemas.ts'

/** A message to be sent. */
export interface OutgoingMessage {
  /** Name of the event type: `invoice.paid`. */
  readonly eventType: string
  /**
   * What every endpoint gets. A text is sent as UTF-8 and bytes are sent as they are, to the last of them; an object is
   * written as JSON once. At most 1 MiB.
   */
  readonly payload: object | string | Uint8Array
  /** Media type of the payload. Default: `application/json`, and then the payload is checked to be JSON. */
  readonly contentType?: string | undefined
  /** Your own id of the event, which is accepted once in an application. */
  readonly eventId?: string | null | undefined
  /** Channels that endpoints may narrow down to. */
  readonly channels?: readonly string[] | null | undefined
  /** Tags to search by. */
  readonly tags?: readonly string[] | null | undefined
  /** Not delivered before this instant; a text is ISO 8601. */
  readonly deliverAt?: Date | string | null | undefined
  /** Days after which the payload is expunged: 5 to 90. */
  readonly payloadRetentionPeriod?: number | null | undefined
  /** The same in hours: 6 to 2160. */
  readonly payloadRetentionHours?: number | null | undefined
  /** The application is made of this where it is not there yet; its `uid` is the one that is sent to. */
  readonly application?: { readonly name: string; readonly uid: string } | null | undefined
  /** A call that is repeated with the same key within 12 hours makes no second message. */
  readonly idempotencyKey?: string | undefined
}

/** A message that is on disk. */
export interface SentMessage {
  readonly id: string
  readonly eventId: string | null
  readonly createdAt: Date
  /** An earlier call with the same idempotency key made it. */
  readonly isRepeated: boolean
}

const { payload: _payload, transformationsParams: _transformationsParams, ...FIELDS } = MessageIn.properties

/** What a request says beside its payload. */
const Envelope = Type.Object(FIELDS)
const envelopes = Compile(Envelope)

/**
 * Returns what sends the organisation's messages. Resolves when the message is on disk.
 *
 * @throws {PosthornError} `not_found`, `validation`, `malformed_json`, `payload_too_large`, `event_id_exists`,
 * `idempotency_key_reused`, `busy`: it was not accepted.
 */
export function inProcessSender(
  deps: HttpDeps,
  organisationId: string,
): (applicationIdOrUid: string, message: OutgoingMessage) => Promise<SentMessage> {
  const principal = { organisationId, applicationId: null }
  return async (applicationIdOrUid, { payload, contentType, idempotencyKey, deliverAt, ...rest }) => {
    const fields = { ...rest, ...(deliverAt === undefined ? {} : { deliverAt: textOf(deliverAt) }) }
    const envelope = checkedEnvelope(fields)
    const content = contentOf(payload, contentType)
    const json = isJson(content.contentType) ? parseJson(bufferOn(content.payload)) : undefined
    if (deps.checkEvent !== null) {
      const raw = json === undefined ? bufferOn(content.payload).toString() : undefined
      await deps.checkEvent(organisationId, {
        eventType: envelope.eventType,
        payload: json,
        transformationsParams: raw === undefined ? null : { rawPayload: raw },
      })
    }
    const application = await findOrMakeApplication(deps, principal, applicationIdOrUid, envelope.application)
    const message = messageOf(envelope, content, application.id, deps.clock())
    const key =
      idempotencyKey === undefined
        ? undefined
        : idempotencyKeyOf(idempotencyKey, application.id, hashedBody(envelope, content))
    const { message: kept, isRepeated } = await acceptMessage(deps, message, key)
    return { id: kept.id, eventId: kept.eventId, createdAt: new Date(kept.createdAt), isRepeated }
  }
}

/** @throws {ValidationError} */
function checkedEnvelope(fields: object): Static<typeof Envelope> {
  // The API lets fields pass that it does not know; in code such a one is a slip, and what it says would be lost.
  const unknown = Object.keys(fields).filter((name) => !Object.hasOwn(FIELDS, name))
  if (unknown.length > 0) throw fault(unknown[0]!, `is none of ${Object.keys(FIELDS).join(', ')}`)
  const nuls = nulsIn(fields, 'message')
  if (nuls.length > 0) throw new ValidationError(nuls)
  if (!envelopes.Check(fields)) throw new ValidationError(faultsOf(envelopes.Errors(fields), 'message'))
  return fields
}

/** @throws {PosthornError} `payload_too_large`; `validation`. */
function contentOf(
  payload: object | string | Uint8Array,
  contentType = JSON_CONTENT_TYPE,
): Pick<Message, 'payload' | 'contentType'> {
  if (!isContentType(contentType)) {
    throw fault('contentType', 'must be printable ASCII, at most 256 characters')
  }
  const bytes = bytesOf(payload)
  if (bytes.byteLength > MAX_BODY_BYTES) {
    throw new PosthornError('payload_too_large', `The payload is larger than ${MAX_BODY_BYTES} bytes`)
  }
  return { payload: bytes, contentType }
}

/** Returns bytes with memory of their own: the caller's may change, and would go to the store's thread with all around them. */
function bytesOf(payload: object | string | Uint8Array): Uint8Array {
  if (payload instanceof Uint8Array) return new Uint8Array(payload)
  const text = typeof payload === 'string' ? payload : jsonOf(payload)
  return new TextEncoder().encode(text)
}

/** @throws {ValidationError} It cannot be written as JSON. */
function jsonOf(payload: object): string {
  if (typeof payload === 'object' && (payload as object | null) !== null) {
    try {
      const text: unknown = JSON.stringify(payload)
      if (typeof text === 'string') return text
    } catch (error) {
      throw fault('payload', `cannot be written as JSON: ${(error as Error).message}`)
    }
  }
  throw fault('payload', 'must be an object, a text or a Uint8Array')
}

function isJson(contentType: string): boolean {
  return /^application\/(json|[\w.-]+\+json)\s*(;|$)/i.test(contentType)
}

function textOf(instant: Date | string | null): string | null {
  if (!(instant instanceof Date)) return instant
  return Number.isNaN(instant.getTime()) ? String(instant) : instant.toISOString()
}

/** What must be the same for a repetition to be one. */
function hashedBody(
  envelope: object,
  { payload, contentType }: Pick<Message, 'payload' | 'contentType'>,
): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(envelope)} ${contentType} `), payload])
}

function bufferOn({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function fault(field: string, msg: string): ValidationError {
  return new ValidationError([{ loc: ['message', field], msg, type: 'value_error' }])
}
