/**
 * What every store has to do, whatever database is under it. An adapter passes all of it or is not one.
 *
 * Most tests share one store, as the clients of a server do, and keep to an organisation or application of their own.
 * Those about an empty database or a restart open one for themselves.
 *
 * @module
 */

import { afterAll, beforeAll, describe } from 'vitest'

import { describeAccess } from './conformance/access.ts'
import { describeApplications } from './conformance/applications.ts'
import { describeAttempts } from './conformance/attempts.ts'
import { describeChanges } from './conformance/changes.ts'
import { describeClaims } from './conformance/claims.ts'
import { describeDeliveries } from './conformance/deliveries.ts'
import { describeEndpoints } from './conformance/endpoints.ts'
import { describeExhausted } from './conformance/exhausted.ts'
import { describeEventTypes } from './conformance/event-types.ts'
import { describeIdempotency } from './conformance/idempotency.ts'
import { describeKeys } from './conformance/keys.ts'
import { describeLines } from './conformance/lines.ts'
import { describeLists } from './conformance/lists.ts'
import { describeMessages } from './conformance/messages.ts'
import { describeModel } from './conformance/model.ts'
import { describeOperationalEvents } from './conformance/operational-events.ts'
import { describeOrganisations } from './conformance/organisations.ts'
import { describePolicies } from './conformance/policies.ts'
import { describeRecords } from './conformance/records.ts'
import { describeReplays } from './conformance/replays.ts'
import { describeRestarts } from './conformance/restarts.ts'
import { describeTasks } from './conformance/tasks.ts'
import { describeRetention } from './conformance/retention.ts'
import { describeSearches } from './conformance/searches.ts'
import { describeSituations } from './conformance/situations.ts'
import { describeStandings } from './conformance/standings.ts'
import { describeTransactions } from './conformance/transactions.ts'
import { describeWaitingEndpoints } from './conformance/waiting-endpoints.ts'
import type { OpenedStore } from './opened-store.ts'

/**
 * Holds an adapter to the port.
 *
 * @param open - Starts a store on a new and empty database.
 */
export function storeConformance(name: string, open: () => Promise<OpenedStore>): void {
  describe(`the store on ${name}`, () => {
    let opened: OpenedStore
    const store = () => opened.store
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(() => opened.close())

    describeOrganisations(store, open)
    describeAccess(store, open)
    describeApplications(store)
    describeEndpoints(store)
    describeEventTypes(store)
    describeLists(store)
    describeMessages(store)
    describeIdempotency(store)
    describeSearches(store)
    describeStandings(store)
    describeSituations(store)
    describeRetention(store, open)
    describeAttempts(store)
    describeDeliveries(store)
    describeClaims(store)
    describeWaitingEndpoints(store)
    describeRecords(store)
    describePolicies(store)
    describeLines(store)
    describeExhausted(store)
    describeOperationalEvents(store)
    describeReplays(store)
    describeTasks(store)
    describeTransactions(store)
    describeChanges(store)
    describeKeys(open)
    describeRestarts(open)
    describeModel(open)
  })
}
