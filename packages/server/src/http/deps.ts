/** What the routes need of the house. @module */

import type { Application } from '../domain/application.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { Message } from '../domain/message.ts'
import type { AcceptResult, Store } from '../storage/store.ts'

/** The parts that routes call. `app.ts` fits them together. */
export interface HttpDeps {
  readonly store: Store
  /** Epoch milliseconds. */
  readonly clock: () => number
  /** Accepts a message for these endpoints; resolves when it is on disk. */
  readonly send: (message: Message, endpoints: readonly Endpoint[]) => Promise<AcceptResult>
  /** Finds an application by id or uid, from memory where it can. */
  readonly findApplication: (organisationId: string, idOrUid: string) => Promise<Application | null>
  /** Returns the endpoints of an application, from memory where it can. */
  readonly endpointsOf: (applicationId: string) => Promise<readonly Endpoint[]>
  /** Returns what is wrong with a URL as an endpoint, or `null`. */
  readonly faultOfUrl: (url: string) => string | null
}
