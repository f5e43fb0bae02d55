/** The route that shows the nodes of the cluster and how far they are behind. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'
import { Instant, Nullable, described } from '../schemas.ts'

/** Endpoints that are looked at for what is due. */
const LOOKED_AT = 1_000

const NodeOut = Type.Object(
  {
    id: Type.Integer({ description: 'Its lease: greater for each node that joins' }),
    version: Nullable(Type.String({ description: 'Of Posthorn; null until its first beat' })),
    host: Nullable(Type.String({ description: 'Name of its machine' })),
    pid: Nullable(Type.Integer({ description: 'Id of its process there' })),
    joinedAt: described(Instant, 'When it joined'),
    silentMs: Type.Integer({
      description: 'Milliseconds since it last told that it lives, which it does each second',
    }),
    deliveriesHeld: Nullable(Type.Integer({ description: 'In its memory, to be sent in their turn' })),
    attemptsUnderWay: Nullable(Type.Integer({ description: 'Requests that it waits for' })),
  },
  { $id: 'NodeOut' },
)

const ClusterOut = Type.Object(
  {
    nodes: Type.Array(NodeOut, { description: 'Those that live, as the one that answers sees it' }),
    lagMs: Type.Integer({
      description:
        'For how long the delivery that is due the longest has been so without a node that holds it, in milliseconds; 0 where none is. Of disabled endpoints nothing is due',
    }),
    oldestDue: Nullable(
      Type.Object(
        { appId: Type.String(), endpointId: Type.String(), dueAt: Instant },
        { description: `The endpoint where it waits, of the first ${LOOKED_AT} with a backlog` },
      ),
    ),
  },
  { $id: 'ClusterOut' },
)

/** Adds the route of the cluster. */
export function clusterRoutes(api: Api, { store, clock }: HttpDeps): void {
  api.get(
    '/cluster',
    {
      schema: {
        operationId: 'v1.cluster.get',
        summary: 'Show the nodes, their load and how far they are behind',
        tags: ['Cluster'],
        response: { 200: ClusterOut },
      },
    },
    async () => {
      const [nodes, waiting] = await Promise.all([
        store.listNodes(),
        store.findWaitingEndpoints(null, LOOKED_AT),
      ])
      const now = clock()
      const due = waiting.filter(({ state, dueAt }) => state === 'open' && dueAt <= now)
      const oldest = due.toSorted((a, b) => a.dueAt - b.dueAt)[0]
      return {
        nodes: nodes.map(({ lease, state, joinedAt, silentMs }) => ({
          id: lease,
          version: state?.version ?? null,
          host: state?.host ?? null,
          pid: state?.pid ?? null,
          joinedAt: new Date(joinedAt).toISOString(),
          silentMs: Math.max(0, Math.round(silentMs)),
          deliveriesHeld: state?.held ?? null,
          attemptsUnderWay: state?.inFlight ?? null,
        })),
        lagMs: oldest === undefined ? 0 : Math.round(now - oldest.dueAt),
        oldestDue:
          oldest === undefined
            ? null
            : {
                appId: oldest.applicationId,
                endpointId: oldest.endpointId,
                dueAt: new Date(oldest.dueAt).toISOString(),
              },
      }
    },
  )
}
