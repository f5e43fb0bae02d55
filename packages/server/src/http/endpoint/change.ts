/** Writes a change of an endpoint, and makes it known. @module */

import type { Endpoint, EndpointChanges } from '../../domain/endpoint.ts'
import { eventsOfUpdate } from '../../domain/operational-event.ts'
import type { HttpDeps } from '../deps.ts'

/** Changes an endpoint with the events that tell of it; `null` where it is gone. */
export function changeEndpoint(
  deps: HttpDeps,
  endpoint: Endpoint,
  changes: EndpointChanges,
): Promise<Endpoint | null> {
  const { applicationId, id, failingSince } = endpoint
  const uid = changes.uid === undefined ? endpoint.uid : changes.uid
  return deps.tell(applicationId, eventsOfUpdate({ id, uid, failingSince }, changes), (events) =>
    deps.store.updateEndpoint(applicationId, id, changes, deps.clock(), events),
  )
}
