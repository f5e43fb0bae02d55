/** The routes that begin counts over the whole organisation. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import { showStarted, startedTask } from '../background-task/schemas.ts'
import { startTask } from '../background-task/start.ts'
import type { HttpDeps } from '../deps.ts'
import { Instant, Maybe, bodyFault, described, readInstant } from '../schemas.ts'

const AppUsageStatsIn = Type.Object(
  {
    since: described(Instant, 'Messages made from then on.'),
    until: described(Instant, 'Messages made before then.'),
    appIds: Maybe(
      Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
        maxItems: 1_000,
        description: 'Ids or uids of the applications to count; all where it is left out.',
      }),
    ),
  },
  { $id: 'AppUsageStatsIn' },
)

const AppUsageStatsOut = Type.Object(
  {
    ...startedTask('').properties,
    unresolvedAppIds: Type.Array(Type.String(), {
      description: 'Of `appIds`, those that no application has.',
    }),
  },
  { $id: 'AppUsageStatsOut' },
)

const tags = ['Statistics']

/** Adds the routes of statistics. */
export function statisticsRoutes(api: Api, deps: HttpDeps): void {
  api.post(
    '/stats/usage/app',
    {
      schema: {
        operationId: 'v1.statistics.aggregate-app-stats',
        summary: 'Count the deliveries of applications',
        description:
          'A background task counts, for each application, the messages of that time times the endpoints that each went ' +
          'to: its `data.appStats` has `{appId, appUid, messageDestinations}`.',
        tags,
        body: AppUsageStatsIn,
        response: { 202: AppUsageStatsOut },
      },
    },
    async ({ principal, body }, reply) => {
      const { organisationId } = principal
      const [since, until] = [readInstant(body.since), readInstant(body.until)]
      if (since >= until) throw bodyFault('until', 'must be later than since')
      const asked = body.appIds ?? null
      const resolved = await Promise.all(
        (asked ?? []).map(async (idOrUid) => ({
          idOrUid,
          id: (await deps.findApplication(organisationId, idOrUid))?.id ?? null,
        })),
      )
      const ids = resolved.flatMap(({ id }) => (id === null ? [] : [id]))
      const applicationIds = asked === null ? null : [...new Set(ids)]
      const work = { kind: 'application.stats', applicationIds, since, until } as const
      const task = await startTask(deps, { organisationId, applicationId: null, work })
      const unresolvedAppIds = resolved.flatMap(({ id, idOrUid }) => (id === null ? [idOrUid] : []))
      return reply.code(202).send({ ...showStarted(task), unresolvedAppIds })
    },
  )

  api.put(
    '/stats/usage/event-types',
    {
      schema: {
        operationId: 'v1.statistics.aggregate-event-types',
        summary: 'List the event types that endpoints ask for, by application',
        description:
          'A background task: its `data.event_types` has `{appId, explicitlySubscribedEventTypes, hasCatchAllEndpoint}`.',
        tags,
        response: { 202: startedTask('AggregateEventTypesOut') },
      },
    },
    async ({ principal }, reply) => {
      const { organisationId } = principal
      const work = { kind: 'event-type.aggregate' } as const
      const task = await startTask(deps, { organisationId, applicationId: null, work })
      return reply.code(202).send(showStarted(task))
    },
  )
}
