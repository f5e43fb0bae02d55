/** A receiver in Cloudflare Workers. @module */

import type { Receiver } from '../handle/receiver.ts'

/** The part of a worker's execution context that is used. */
export interface WorkerContext {
  waitUntil(promise: Promise<unknown>): void
}

const BODY_HINT =
  'The body was read before the receiver had it. Give it the request as it came, or request.clone().'

/**
 * Returns `fetch` for `export default { fetch: … }`. Secrets are in `env`, which is known when a request comes: so
 * `make` is called with the first one's, and its receiver kept.
 *
 * The sender's address is `CF-Connecting-IP`, which Cloudflare sets, and overwrites where a client sends it.
 *
 * Source: Cloudflare's documentation, "HTTP request headers".
 */
export function workersFetch<Env extends object>(
  make: (env: Env) => Receiver,
): (request: Request, env: Env, context: WorkerContext) => Promise<Response> {
  const receivers = new WeakMap<Env, Receiver>()
  return async (request, env, context) => {
    let receiver = receivers.get(env)
    if (receiver === undefined) {
      receiver = make(env)
      receivers.set(env, receiver)
    }
    return receiver(request, {
      remoteAddress: request.headers.get('cf-connecting-ip'),
      waitUntil: (promise) => context.waitUntil(promise),
      bodyHint: BODY_HINT,
    })
  }
}
