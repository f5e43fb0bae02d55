/** How a test makes a request that a scheme accepts. Apart from schemes, so that no log prints a key. @module */

import type { Bytes } from './base64.ts'
import type { Scheme } from './scheme.ts'

/** An event that a test wants signed, with every field filled in. */
export interface TestEvent {
  readonly body: Bytes
  readonly id: string
  readonly type: string
  readonly timeMs: number
  readonly method: string
  readonly url: string
}

/** Returns the headers that sign the event, and the body or URL where the provider signs within them. */
export type TestSigner = (
  event: TestEvent,
) => Promise<{ readonly headers: Record<string, string>; readonly body?: Bytes; readonly url?: string }>

const signers = new WeakMap<Scheme, TestSigner | readonly string[]>()

/**
 * Remembers how to sign for `scheme`, and returns it. The secrets alone stand for Standard Webhooks, whose
 * signing the core does not carry along.
 */
export function withTestSigner(scheme: Scheme, signer: TestSigner | readonly string[] | undefined): Scheme {
  if (signer !== undefined) signers.set(scheme, signer)
  return scheme
}

/** Returns what was remembered for `scheme`. */
export function testSignerOf(scheme: Scheme): TestSigner | readonly string[] | undefined {
  return signers.get(scheme)
}
