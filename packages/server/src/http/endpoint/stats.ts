/** The route that counts what went to an endpoint. @module */

import { Type } from 'typebox'

import type { DeliveryStatus } from '../../domain/delivery.ts'
import { firstIdAt } from '../../domain/id.ts'
import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'
import { Instant, described, readInstant } from '../schemas.ts'
import { EndpointPath, requireEndpoint } from './routes.ts'

/** The stretch that is counted where the caller names no beginning: 28 days. */
const DEFAULT_SPAN_MS = 28 * 86_400_000

/** Deliveries counted at a time, so that a long count lets other reads through. */
const PAGE = 20_000

const EndpointStats = Type.Object(
  {
    success: described(Type.Integer(), 'Deliveries that were answered 2xx.'),
    pending: described(Type.Integer(), 'Those that wait for an attempt.'),
    sending: described(Type.Integer(), 'Those that a node has in its hands.'),
    fail: described(Type.Integer(), 'Those that failed for good.'),
    canceled: described(Type.Integer(), 'Those that were taken back before they succeeded.'),
  },
  { $id: 'EndpointStats' },
)

/** Adds the route of an endpoint's statistics. */
export function endpointStatsRoutes(api: Api, deps: HttpDeps): void {
  api.get(
    '/app/:app_id/endpoint/:endpoint_id/stats',
    {
      schema: {
        operationId: 'v1.endpoint.get-stats',
        summary: 'Count what went to an endpoint, by status',
        description:
          'Counts messages by when they were made. Where `since` is left out, those of 28 days before `until`.',
        tags: ['Endpoint'],
        params: EndpointPath,
        querystring: Type.Object({
          since: described(
            Type.Optional(Instant),
            'Messages made from then on; where it is left out, 28 days before `until`.',
          ),
          until: described(Type.Optional(Instant), 'Messages made before then; where it is left out, now.'),
        }),
        response: { 200: EndpointStats },
      },
    },
    async ({ principal, params, query }) => {
      const { id, applicationId } = await requireEndpoint(deps, principal, params)
      const until = query.until === undefined ? deps.clock() + 1 : readInstant(query.until)
      const since = query.since === undefined ? until - DEFAULT_SPAN_MS : readInstant(query.since)
      const to = firstIdAt('message', until)
      const total: Record<DeliveryStatus, number> = {
        success: 0,
        pending: 0,
        sending: 0,
        fail: 0,
        canceled: 0,
      }
      let from: string | null = firstIdAt('message', since)
      while (from !== null) {
        const page: Awaited<ReturnType<typeof deps.store.countDeliveriesOfEndpoint>> =
          await deps.store.countDeliveriesOfEndpoint(applicationId, id, { from, to }, PAGE)
        for (const status of Object.keys(total) as DeliveryStatus[]) total[status] += page.counts[status]
        from = page.next
      }
      return total
    },
  )
}
