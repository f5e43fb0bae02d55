/** A receiver in Express 4 or 5. @module */

import type { Receiver } from '../handle/receiver.ts'
import { answerNode, type NodeRequest, type NodeResponse } from './node-response.ts'

export type { NodeRequest, NodeResponse }

const BODY_HINT =
  'express.json() (or another parser) has parsed the body before the receiver had it, and its bytes are lost. Mount the receiver before app.use(express.json()), or keep the bytes: express.json({ verify: (req, _res, bytes) => { req.rawBody = bytes } }).'

/**
 * Returns a handler for `app.all(path, …)`. It reads the body itself: mount it before `express.json()`. The bytes that
 * `express.raw()` has read, or that a parser kept as `req.rawBody`, are taken too; a parsed body is refused with a hint.
 * `trust proxy` of Express is not asked: give `trustedProxies` to the receiver.
 */
export function expressHandler(
  receiver: Receiver,
): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => answerNode(receiver, request, response, BODY_HINT)
}
