/** The schemes of a receiver: whose request is this? @module */

import {
  refuse,
  type Handshake,
  type ReceivedWebhook,
  type Scheme,
  type VerifyFailure,
  type WebhookEvent,
} from '../scheme.ts'
import type { SchemeOptions } from './options.ts'

/** Schemes by the name that handlers get, in the order in which they are tried. */
export type NamedSchemes = readonly (readonly [name: string, scheme: Scheme])[]

/**
 * Returns the schemes of the options; a single one is named `default`.
 *
 * @throws {RangeError} There is none.
 * @throws {WebhookSecretError} A secret is not one.
 */
export function schemesOf(options: SchemeOptions): NamedSchemes {
  if (options.schemes !== undefined) {
    const entries = Object.entries(options.schemes)
    if (entries.length === 0) throw new RangeError('bad schemes: one at least')
    return entries
  }
  const { scheme } = options
  return [['default', typeof scheme === 'function' ? scheme({ secrets: options.secrets ?? [] }) : scheme]]
}

/** Returns the first handshake that a scheme answers, or else the first refusal of one; `null`: it is none. */
export async function handshakeOf(
  webhook: ReceivedWebhook,
  schemes: NamedSchemes,
  nowMs: number,
): Promise<Handshake | VerifyFailure | null> {
  let failure: VerifyFailure | null = null
  for (const [, scheme] of schemes) {
    const handshake = (await scheme.handshake?.(webhook, nowMs)) ?? null
    if (handshake?.ok === true) return handshake
    failure ??= handshake
  }
  return failure
}

/** Returns the event and the name of the first scheme that verifies it, or the refusal that says most. */
export async function verifyWithAny(
  webhook: ReceivedWebhook,
  schemes: NamedSchemes,
  nowMs: number,
): Promise<{ readonly source: string; readonly event: WebhookEvent } | VerifyFailure> {
  let failure: VerifyFailure | null = null
  for (const [source, scheme] of schemes) {
    const result = await scheme.verify(webhook, nowMs)
    if (result.ok) return { source, event: result.event }
    // Where a signature of the scheme's kind is there, its failure says more than that another's is missing.
    if (failure === null || failure.code.startsWith('missing_')) failure = result
  }
  return failure ?? refuse('unknown_input')
}
