/** The requests by which a provider checks who owns an endpoint. @module */

import type { Handshake, ReceivedWebhook, Scheme, VerifyFailure } from '../scheme.ts'
import { parseJson } from './fields.ts'

/** The longest challenge that is sent back; the providers' have less than 100 characters. */
export const MAX_CHALLENGE_LENGTH = 1_024

/** Gives `scheme` its handshake, and returns it. */
export function withHandshake(scheme: Scheme, handshake: NonNullable<Scheme['handshake']>): Scheme {
  return Object.assign(scheme, { handshake })
}

/**
 * Gives `scheme` a handshake whose request is signed like any other, and answered only when it verifies.
 *
 * @param isHandshake - Recognises it by its JSON, before anything was verified: cheap, and without effect.
 */
export function withSignedHandshake(
  scheme: Scheme,
  isHandshake: (json: unknown) => boolean,
  answer: (json: unknown) => Promise<Handshake | VerifyFailure> | Handshake | VerifyFailure,
): Scheme {
  return withHandshake(scheme, async (webhook, nowMs) => {
    if (!isHandshake(parseJson(webhook.body))) return null
    const result = await scheme.verify(webhook, nowMs)
    return result.ok ? answer(parseJson(result.event.body)) : result
  })
}

/** Returns the query of a GET request, or `null` for any other. */
export function queryOfGet(webhook: ReceivedWebhook): URLSearchParams | null {
  if (webhook.method !== 'GET' || webhook.url === null) return null
  return new URLSearchParams(/\?([^#]*)/.exec(webhook.url)?.[1] ?? '')
}

/** Answers with a text that a stranger may have chosen: never as anything that a browser would run. */
export function textAnswer(body: string): Handshake | null {
  return body.length > MAX_CHALLENGE_LENGTH ? null : reply(body, 'text/plain; charset=utf-8')
}

/** Answers with JSON. */
export function jsonAnswer(value: unknown): Handshake {
  return reply(JSON.stringify(value), 'application/json')
}

function reply(body: string, contentType: string): Handshake {
  const headers = { 'content-type': contentType, 'x-content-type-options': 'nosniff' }
  return { ok: true, response: { status: 200, headers, body } }
}
