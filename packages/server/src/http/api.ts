/** What routes are added to, and what every request carries. @module */

import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Static, TSchema } from 'typebox'

import type { Principal } from './authentication.ts'

/** Gives handlers the types of their TypeBox schemas. */
export interface TypeBoxProvider extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  // Answers are held to their schemas by the tests: many are written as text, with payloads as their own bytes.
  serializer: unknown
}

/** What routes are added to. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxProvider
>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Set before any handler runs, save on public routes. */
    principal: Principal
    /** The bytes of a JSON body. */
    rawBody: Buffer | null
  }
  interface FastifySchema {
    /** Name of the operation in the API's description: `v1.application.list`. */
    readonly operationId?: string
    /** What it does, in a line. */
    readonly summary?: string
    /** More of it, where the summary is not enough. */
    readonly description?: string
    /** Kept for those who use it already. */
    readonly deprecated?: boolean
    /** The group that it is shown in. */
    readonly tags?: readonly string[]
  }
  interface FastifyContextConfig {
    /** Answered without a token. */
    readonly isPublic?: boolean
  }
}
