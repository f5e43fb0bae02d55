/** The store's port: endpoints, operational ones too. @module */

import type { EndpointHeaders } from '../../domain/endpoint-headers.ts'
import type { Endpoint, EndpointChanges } from '../../domain/endpoint.ts'
import type { EventRequest } from './accepts.ts'
import type { PageRequest } from './page.ts'

/** Endpoints. */
export interface EndpointStore {
  /**
   * Makes an endpoint. This and the other changes of endpoints accept the operational events that tell of them in the same
   * transaction, and only where they change something.
   *
   * @throws {PosthornError} `uid_exists`.
   */
  createEndpoint(endpoint: Endpoint, events?: readonly EventRequest[]): Promise<void>
  findEndpoint(applicationId: string, idOrUid: string): Promise<Endpoint | null>
  listEndpoints(applicationId: string, page: PageRequest): Promise<Endpoint[]>
  /**
   * Changes an endpoint. One that is `unverified` is enabled only with a proof for its URL, and stays disabled without; one that is enabled starts anew: its failures are forgotten. Where it becomes ordered, what waits
   * for it gets places in its line, the oldest message first.
   *
   * @throws {PosthornError} `uid_exists`.
   */
  updateEndpoint(
    applicationId: string,
    id: string,
    changes: EndpointChanges,
    now: number,
    events?: readonly EventRequest[],
  ): Promise<Endpoint | null>
  /** Sets some headers and removes others, whatever the case of their names; `false` where there is no such endpoint. */
  patchEndpointHeaders(
    applicationId: string,
    id: string,
    changes: { readonly set: EndpointHeaders; readonly remove: readonly string[] },
    now: number,
  ): Promise<boolean>
  /**
   * Replaces the secret; the one before goes on signing for `graceMs`. `false` where there is no such endpoint.
   *
   * @throws {PosthornError} `limit_reached`: as many secrets sign already as may.
   */
  rotateEndpointSecret(
    applicationId: string,
    id: string,
    rotation: { readonly secret: string; readonly graceMs: number },
    now: number,
  ): Promise<boolean>
  /** Deletes it and frees its uid. What waits for it is for {@link QueueStore.cancelDeliveries}: a part at a time. */
  deleteEndpoint(
    applicationId: string,
    id: string,
    now: number,
    events?: readonly EventRequest[],
  ): Promise<boolean>
}
