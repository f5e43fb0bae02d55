/** A receiver in a Node HTTP server. @module */

import type { Receiver } from '../handle/receiver.ts'
import { answerNode, type NodeRequest, type NodeResponse } from './node-response.ts'

export type { NodeRequest, NodeResponse }

const BODY_HINT =
  'The body was read or parsed before the receiver had it. Give it the request as it came: do not read it, and mount no body parser before it.'

/** Returns a listener for `http.createServer`, or for the one path that webhooks come to. */
export function nodeListener(
  receiver: Receiver,
): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => answerNode(receiver, request, response, BODY_HINT)
}
