/** A token server of OAuth2 for client credentials. @module */

import { type Answer, type ReceivedRequest, type Receiver, startReceiver } from './receiver.ts'

/** A token server that gives out `token-1`, `token-2` and so on. */
export interface TokenServer {
  readonly receiver: Receiver
  readonly url: string
  /** The forms that were posted, oldest first. */
  forms(): URLSearchParams[]
  /** Decides what to answer from now on: a token, or something else where it returns that. */
  answerWith(answer: (turn: number, request: ReceivedRequest) => Answer | Promise<Answer>): void
}

/** Starts a token server, which the end of the test closes. @param lifetimeSeconds - As it says of each token. */
export async function startTokenServer(lifetimeSeconds = 3_600): Promise<TokenServer> {
  const receiver = await startReceiver()
  const answerWith: TokenServer['answerWith'] = (answer) =>
    receiver.answerWith((request, turn) => answer(turn, request))
  answerWith((turn) => granted(`token-${turn}`, lifetimeSeconds))
  return {
    receiver,
    url: `http://127.0.0.1:${receiver.port}/token`,
    forms: () => receiver.requests.map(({ body }) => new URLSearchParams(body.toString())),
    answerWith,
  }
}

/** The answer that grants a token. */
export function granted(token: string, lifetimeSeconds = 3_600): Answer {
  const body = JSON.stringify({ access_token: token, token_type: 'bearer', expires_in: lifetimeSeconds })
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}
