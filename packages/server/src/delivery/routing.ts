/** The routing table: applications and their endpoints in memory, so that a message costs no query. @module */

import type { Application, ApplicationPolicy } from '../domain/application.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { Store } from '../storage/store.ts'
import type { LanePolicy } from './lane.ts'
import type { SigningKeys } from './signing-keys.ts'
import { type Signer, needsServerKeys, signerFor } from './signing.ts'

/** Applications kept in memory. The one unused for longest goes first. */
const MAX_APPLICATIONS = 10_000

/** Endpoints read at a time. */
const PAGE = 250

/** An endpoint as a delivery needs it. */
export interface Route {
  readonly endpoint: Endpoint
  readonly url: URL
  readonly sign: Signer
  /** How deliveries to it may start. */
  readonly lane: LanePolicy
  /** What its application says; `null` for an endpoint that has none. */
  readonly policy: ApplicationPolicy | null
}

/** The routes of an application, by endpoint id. */
export type Routes = ReadonlyMap<string, Route>

/**
 * Knows applications by id and uid, and the endpoints of each. Filled as they are used, and emptied at once by every
 * write: the store tells of it before the write is answered.
 */
export class RoutingTable {
  readonly #store: Store
  readonly #alsoSvix: boolean
  readonly #signingKeys: Pick<SigningKeys, 'list'>
  // A Map keeps the order of insertion: what is used is moved to its end, so its start is what to drop.
  readonly #applications = new Map<string, Application>()
  readonly #routes = new Map<string, Routes>()
  /** Counts the writes, so that what was read before one is not kept after it. */
  #writes = 0

  constructor(deps: {
    readonly store: Store
    readonly alsoSvix: boolean
    readonly signingKeys: Pick<SigningKeys, 'list'>
  }) {
    this.#store = deps.store
    this.#alsoSvix = deps.alsoSvix
    this.#signingKeys = deps.signingKeys
    this.#store.onChange((applicationId) => this.#forget(applicationId))
  }

  /** Returns the application with this id or uid, or `null`. */
  findApplication(organisationId: string, idOrUid: string): Promise<Application | null> {
    return this.#remember(this.#applications, `${organisationId} ${idOrUid}`, () =>
      this.#store.findApplication(organisationId, idOrUid),
    )
  }

  /** Returns the endpoints of an application. */
  async endpointsOf(applicationId: string): Promise<readonly Endpoint[]> {
    return Array.from((await this.routesOf(applicationId)).values(), ({ endpoint }) => endpoint)
  }

  /** Returns the routes of an application: empty where it has none, or is none. */
  routesOf(applicationId: string): Promise<Routes> {
    return this.#remember(this.#routes, applicationId, () => this.#loadRoutes(applicationId))
  }

  async #remember<T>(known: Map<string, T>, key: string, load: () => Promise<T>): Promise<T>
  async #remember<T>(known: Map<string, T>, key: string, load: () => Promise<T | null>): Promise<T | null>
  async #remember<T>(known: Map<string, T>, key: string, load: () => Promise<T | null>): Promise<T | null> {
    const hit = known.get(key)
    if (hit !== undefined) {
      known.delete(key)
      known.set(key, hit)
      return hit
    }
    const writes = this.#writes
    const loaded = await load()
    if (loaded === null || writes !== this.#writes) return loaded
    known.set(key, loaded)
    if (known.size > MAX_APPLICATIONS) known.delete(known.keys().next().value!)
    return loaded
  }

  #forget(applicationId: string | null): void {
    this.#writes += 1
    if (applicationId === null) {
      this.#applications.clear()
      this.#routes.clear()
      return
    }
    this.#routes.delete(applicationId)
    for (const [key, application] of this.#applications) {
      if (application.id === applicationId) this.#applications.delete(key)
    }
  }

  async #loadRoutes(applicationId: string): Promise<Routes> {
    const routes = new Map<string, Route>()
    const policy = await this.#store.findPolicy(applicationId)
    let after: string | null = null
    for (;;) {
      const endpoints: Endpoint[] = await this.#store.listEndpoints(applicationId, {
        limit: PAGE,
        order: 'ascending',
        after,
      })
      for (const endpoint of endpoints) {
        const serverKeys = needsServerKeys(endpoint) ? await this.#signingKeys.list() : []
        const sign = signerFor(endpoint, { alsoSvix: this.#alsoSvix, serverKeys })
        const lane = {
          applicationId,
          url: endpoint.url,
          perSecond: rateOf(endpoint),
          applicationPerSecond: policy?.throttleRate ?? null,
          concurrency: endpoint.settings.concurrency,
          isOrdered: endpoint.settings.ordering === 'fifo',
          batch: endpoint.settings.batch,
        }
        routes.set(endpoint.id, { endpoint, url: new URL(endpoint.url), sign, lane, policy })
      }
      if (endpoints.length < PAGE) return routes
      after = endpoints.at(-1)!.id
    }
  }
}

/** The lower of its own rate and the one that its owner allowed. */
function rateOf({ throttleRate, settings: { allowedPerMinute } }: Endpoint): number | null {
  if (allowedPerMinute === null) return throttleRate
  return Math.min(throttleRate ?? Infinity, allowedPerMinute / 60)
}
