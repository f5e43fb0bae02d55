/** The counts that background tasks make over the applications of an organisation. @module */

import type { Application } from '../domain/application.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import { firstIdAt } from '../domain/id.ts'
import type { TaskSpan } from '../domain/task.ts'
import type { Store } from '../storage/store.ts'

/** Things read at a time, and deliveries counted at a time. */
const PAGE = 250
const COUNT = 10_000

/** How a count gives way to what matters more, and ends where nobody wants it any longer. */
export interface CountControl {
  readonly isWanted: () => Promise<boolean>
  readonly rest: () => Promise<void>
}

/**
 * Counts the deliveries of each application in a stretch of time, those with none included.
 *
 * @returns `null` where it was broken off.
 */
export async function countDeliveries(
  store: Store,
  organisationId: string,
  { since, until, applicationIds }: TaskSpan & { readonly applicationIds: readonly string[] | null },
  control: CountControl,
): Promise<{ appStats: object[] } | null> {
  const appStats: object[] = []
  const to = firstIdAt('message', until)
  const isDone = await eachApplication(store, organisationId, control, async (application) => {
    if (applicationIds !== null && !applicationIds.includes(application.id)) return
    let messageDestinations = 0
    let from: string | null = firstIdAt('message', since)
    while (from !== null) {
      const page: { total: number; next: string | null } = await store.countDeliveriesOfApplication(
        application.id,
        { from, to },
        COUNT,
      )
      messageDestinations += page.total
      from = page.next
      if (from !== null) await control.rest()
    }
    appStats.push({ appId: application.id, appUid: application.uid, messageDestinations })
  })
  return isDone ? { appStats } : null
}

/**
 * Lists the event types that the endpoints of each application ask for by name.
 *
 * @returns `null` where it was broken off.
 */
export async function listSubscriptions(
  store: Store,
  organisationId: string,
  control: CountControl,
): Promise<{ event_types: object[] } | null> {
  const list: object[] = []
  const isDone = await eachApplication(store, organisationId, control, async ({ id }) => {
    const names = new Set<string>()
    let hasCatchAllEndpoint = false
    let endpoints: Endpoint[]
    let after: string | null = null
    do {
      endpoints = await store.listEndpoints(id, { limit: PAGE, order: 'ascending', after })
      for (const { eventTypes } of endpoints) {
        if (eventTypes === null) hasCatchAllEndpoint = true
        else eventTypes.forEach((name) => names.add(name))
      }
      after = endpoints.at(-1)?.id ?? null
    } while (endpoints.length === PAGE)
    list.push({ appId: id, explicitlySubscribedEventTypes: [...names].toSorted(), hasCatchAllEndpoint })
  })
  return isDone ? { event_types: list } : null
}

/** Visits every application, a page at a time; `false` where it was broken off. */
async function eachApplication(
  store: Store,
  organisationId: string,
  control: CountControl,
  visit: (application: Application) => Promise<void>,
): Promise<boolean> {
  let applications: Application[]
  let after: string | null = null
  do {
    if (!(await control.isWanted())) return false
    applications = await store.listApplications(organisationId, { limit: PAGE, order: 'ascending', after })
    for (const application of applications) await visit(application)
    after = applications.at(-1)?.id ?? null
    await control.rest()
  } while (applications.length === PAGE)
  return true
}
