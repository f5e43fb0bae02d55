/** Makes messages of operational events, for the endpoints of the organisation that want them. @module */

import type { ApplicationPolicy } from '../domain/application.ts'
import { wantsMessage } from '../domain/endpoint.ts'
import { newId } from '../domain/id.ts'
import { JSON_CONTENT_TYPE } from '../domain/message.ts'
import type { OperationalEvent } from '../domain/operational-event.ts'
import type { EventRequest } from '../storage/port/accepts.ts'
import type { Store } from '../storage/store.ts'
import type { RoutingTable } from './routing.ts'

/** What tells of events. */
export interface EventDeps {
  readonly routes: Pick<RoutingTable, 'endpointsOf'>
  /** Epoch milliseconds. */
  readonly clock: () => number
}

/**
 * Returns what is to be accepted with the change that the events tell of: nothing, and at no cost, where no operational
 * endpoint wants any of them.
 *
 * @param policy - Of the application; `null` for the operational endpoints themselves, of which nothing is told: an event
 *   that fails would make the next one.
 */
export async function eventRequests(
  events: readonly OperationalEvent[],
  applicationId: string,
  policy: ApplicationPolicy | null,
  { routes, clock }: EventDeps,
): Promise<EventRequest[]> {
  if (events.length === 0 || policy === null) return []
  // They are kept as an application's endpoints are, under the id of the organisation.
  const ownerId = policy.organisationId
  const endpoints = await routes.endpointsOf(ownerId)
  const now = clock()
  return events.flatMap(({ type, data, onlyIf }): EventRequest[] => {
    const wanting = endpoints.filter((endpoint) =>
      wantsMessage(endpoint, { eventType: type, channels: null }),
    )
    if (wanting.length === 0) return []
    const payload = { type, data: { appId: applicationId, appUid: policy.uid, ...data } }
    return [
      {
        message: {
          id: newId('message', now),
          applicationId: ownerId,
          eventType: type,
          eventId: null,
          channels: null,
          tags: null,
          payload: new TextEncoder().encode(JSON.stringify(payload)),
          contentType: JSON_CONTENT_TYPE,
          deliverAt: null,
          expiresAt: null,
          expungedAt: null,
          createdAt: now,
        },
        deliveries: wanting.map(({ id, settings }) => ({
          endpointId: id,
          lease: null,
          isOrdered: settings.ordering === 'fifo',
        })),
        dueAt: now,
        onlyIf,
      },
    ]
  })
}

/** Makes a change with the events that tell of it, both or neither, and sees that they go out. */
export type Tell = <T>(
  applicationId: string,
  events: readonly OperationalEvent[],
  change: (requests: readonly EventRequest[]) => Promise<T>,
) => Promise<T>

/**
 * Returns what makes changes of endpoints known.
 *
 * @param deps.pickUp - Takes up what was accepted.
 */
export function teller(
  deps: EventDeps & {
    readonly store: Pick<Store, 'findPolicy'>
    readonly pickUp: (requests: readonly EventRequest[]) => void
  },
): Tell {
  return async (applicationId, events, change) => {
    const policy = await deps.store.findPolicy(applicationId)
    const requests = await eventRequests(events, applicationId, policy, deps)
    const result = await change(requests)
    deps.pickUp(requests)
    return result
  }
}
