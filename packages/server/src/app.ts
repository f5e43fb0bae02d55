/** The composition root: the only file that wires everything. @module */

import type { FastifyBaseLogger } from 'fastify'

import { readAuthorities } from './authorities.ts'
import { AccessTokens } from './delivery/access-tokens.ts'
import { destinationPolicy, faultOfUrl } from './delivery/destination.ts'
import { Engine } from './delivery/engine.ts'
import { guardedClient } from './delivery/guarded-client.ts'
import type { NameLookup } from './delivery/guarded-lookup.ts'
import { teller } from './delivery/operational-events.ts'
import { OutboxDrain } from './delivery/outbox-drain.ts'
import { ownershipCheck } from './delivery/ownership.ts'
import { previewRequests } from './delivery/preview.ts'
import type { Sender } from './delivery/request.ts'
import { Retention } from './delivery/retention.ts'
import { RoutingTable } from './delivery/routing.ts'
import { SigningKeys } from './delivery/signing-keys.ts'
import { TaskRunner } from './delivery/task-runner.ts'
import { PosthornError } from './domain/errors.ts'
import { longestWindowMs } from './domain/retry.ts'
import { newSigningKey } from './domain/signing-key.ts'
import { type NewToken, newToken } from './domain/token.ts'
import { describeDuration } from './duration.ts'
import { authenticator, hashToken } from './http/authentication.ts'
import { AccessUpkeep } from './http/access-upkeep.ts'
import type { Api } from './http/api.ts'
import type { HttpDeps } from './http/deps.ts'
import { eventCheck } from './http/event-type/discipline.ts'
import { httpServer } from './http/server.ts'
import { openStore } from './open-store.ts'
import type { Options } from './options.ts'
import type { Store } from './storage/store.ts'
import { VERSION } from './version.ts'

/** A running Posthorn. */
export interface App {
  /** Where it listens. */
  readonly url: string
  /** What was made because this was the first start; `null` on later ones. */
  readonly firstStart: { readonly token: string | null; readonly keysFrom: string } | null
  /** Stops in order: takes no more requests, ends the attempts under way, records them, closes the database. */
  stop(): Promise<void>
}

/** All of Posthorn but what listens. It delivers from when it is composed. */
export interface ComposedApp extends Pick<App, 'firstStart' | 'stop'> {
  readonly server: Api
  /** What the server's routes are made of. */
  readonly deps: HttpDeps
}

/** Parts that are given in the place of the usual ones: by a test, or by the application that Posthorn is embedded in. */
export interface AppParts {
  /** Resolves the names of endpoints. */
  readonly lookup?: NameLookup
  /** Epoch milliseconds of this machine. */
  readonly clock?: () => number
  /** Other processes of this machine listen on the same port. */
  readonly isPortShared?: boolean
  /** Hash of a token of the organisation that is nowhere kept: by it the process itself calls the API. */
  readonly insiderKey?: string
}

/**
 * Starts Posthorn, listening on an address of its own.
 *
 * @throws {PosthornError} As {@link composeApp}; `bad_config`: it cannot listen there.
 */
export async function startApp(options: Options, log: FastifyBaseLogger, parts?: AppParts): Promise<App> {
  const { server, firstStart, stop } = await composeApp(options, log, parts)
  try {
    return { url: await listen(server, options, parts?.isPortShared ?? false), firstStart, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Fits Posthorn together and lets it deliver. Who calls gives requests to the server, by listening or otherwise.
 *
 *     requests ─▶ HTTP server ─▶ engine ─▶ lanes ─▶ guarded client ─▶ endpoints
 *                      │           │
 *                      └─▶ store ◀─┘      routing table: what the store knows of applications, in memory
 *
 * @throws {PosthornError} `data_in_use`, `data_unreadable`, `bad_key`, `bad_config`.
 */
export async function composeApp(
  options: Options,
  log: FastifyBaseLogger,
  { lookup, insiderKey, clock: machineClock = Date.now }: AppParts = {},
): Promise<ComposedApp> {
  const sender = senderOf(options)
  const { store, keys } = openStore(options, { isExclusive: true, clock: machineClock })
  // Nodes go by one clock, the database's, whatever those of their machines say.
  const clock = () => machineClock() + Math.round(store.clockOffsetMs())
  await store.start()
  try {
    const token = await bootstrap(store, options.bootstrapToken, clock())
    await store.createSigningKey(newSigningKey(clock()))

    const policy = destinationPolicy(options)
    const client = guardedClient({
      policy,
      proxy: options.proxy,
      lookup,
      tls: {
        minVersion: options.tlsMinVersion,
        extraAuthorities: options.tlsCaFile === null ? [] : readAuthorities(options.tlsCaFile),
      },
      onSentAgain: (origin) =>
        log.info({ origin }, 'a kept connection closed as a delivery was written: it was sent again'),
    })
    const tokens = new AccessTokens({
      client,
      clock,
      userAgent: sender.userAgent,
      timeoutMs: options.attemptTimeoutMs,
    })
    const signingKeys = new SigningKeys(store)
    const routes = new RoutingTable({ store, signingKeys, alsoSvix: options.svixHeaders })
    const engine = new Engine({
      store,
      routes,
      client,
      log,
      clock,
      version: VERSION,
      random: Math.random,
      schedule: options.retryScheduleMs,
      disableAfterMs: options.disableAfterMs,
      timeoutMs: options.attemptTimeoutMs,
      sender,
      tokens,
    })
    const tasks = new TaskRunner({
      store,
      clock,
      log,
      isRunner: async () => (await store.listNodes())[0]?.lease === engine.lease,
      onDue: () => engine.wake(),
    })
    const callers = authenticator({ store, clock, jwtSecrets: options.jwtSecret, insiderKey })
    const upkeep = new AccessUpkeep({ store, clock, log, takeUses: () => callers.takeUses() })
    const checkEvent = options.strictEventTypes ? eventCheck(store) : null
    const deps: HttpDeps = {
      version: VERSION,
      store,
      clock,
      authenticator: callers,
      apiRatePerSecond: options.apiRatePerSecond,
      corsOrigins: options.corsOrigins,
      publicUrl: options.publicUrl,
      send: (message, endpoints, idempotency) => engine.send(message, endpoints, idempotency),
      findApplication: (organisationId, idOrUid) => routes.findApplication(organisationId, idOrUid),
      endpointsOf: (applicationId) => routes.endpointsOf(applicationId),
      checkEvent,
      preview: async (message) =>
        previewRequests(message, await routes.routesOf(message.applicationId), sender),
      breakerOf: (endpointId) => engine.breakerOf(endpointId),
      wake: () => engine.wake(),
      tell: teller({ store, routes, clock, pickUp: (requests) => engine.pickUp(requests) }),
      wakeTasks: () => tasks.wake(),
      egressAddresses: options.egressAddresses?.ranges ?? [],
      askOwner: ownershipCheck({
        check: options.verifyEndpoints,
        routes,
        client,
        tokens,
        sender,
        clock,
        timeoutMs: options.attemptTimeoutMs,
      }),
      faultOfUrl: (url) => faultOfUrl(url, policy),
      signingKeys: () => signingKeys.listPublic(clock()),
    }
    const server = httpServer(deps, log)
    const outbox =
      store.outbox === undefined
        ? null
        : new OutboxDrain({
            outbox: store.outbox,
            routes,
            checkEvent,
            pickUp: (accepted) => engine.pickUp(accepted),
            clock,
            log,
          })
    const retention = new Retention({ store, log, clock, maxAgeMs: options.retentionMs })

    logRetries(options, log)
    await engine.start()
    upkeep.start()
    retention.start()
    tasks.start()
    outbox?.start()
    const stop = async () => {
      await server.close()
      await outbox?.stop()
      await retention.stop()
      await tasks.stop()
      await upkeep.stop()
      await engine.stop()
      await client.close()
      await store.stop()
    }
    const firstStart =
      token === null ? null : { keysFrom: keys.from, token: options.bootstrapToken ? null : token.text }
    return { server, deps, firstStart, stop }
  } catch (error) {
    await store.stop()
    throw error
  }
}

/** @throws {PosthornError} `bad_config`: owners are to be asked by a name that nobody gave. */
function senderOf({ publicUrl, verifyEndpoints }: Options): Sender {
  const isByName = verifyEndpoints === 'cloudevents'
  if (isByName && publicUrl === null) {
    throw new PosthornError(
      'bad_config',
      'The handshake of CloudEvents says who asks, and that is not known',
      {
        hint: 'Give --public-url, whose host is the name that receivers allow, or another --verify-endpoints',
      },
    )
  }
  const requestOrigin = isByName && publicUrl !== null ? new URL(publicUrl).hostname : null
  return { userAgent: `Posthorn/${VERSION}`, publicUrl, requestOrigin }
}

/** Says for how long a delivery may be tried, so that a schedule is not a surprise. */
function logRetries({ retryScheduleMs, attemptTimeoutMs }: Options, log: FastifyBaseLogger): void {
  const longest = describeDuration(longestWindowMs(retryScheduleMs, attemptTimeoutMs))
  log.info(
    { retries: retryScheduleMs.length, longest },
    `A delivery that fails is tried again ${retryScheduleMs.length} times, the last no later than ${longest} after the first`,
  )
}

/** @throws {PosthornError} `bad_config`: the port is taken, may not be used, or the address is none of this machine. */
async function listen(
  server: Api,
  { host, port }: Pick<Options, 'host' | 'port'>,
  isPortShared: boolean,
): Promise<string> {
  try {
    const where = { host, port, ...(isPortShared ? { reusePort: true } : {}) }
    return await server.listen(where)
  } catch (cause) {
    throw new PosthornError('bad_config', `Cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
      hint: 'Give another --host or --port',
      cause,
    })
  }
}

/** Makes the organisation and its token in a new database; returns the token, or `null` where there was one already. */
export async function bootstrap(store: Store, given: string | null, now: number): Promise<NewToken | null> {
  if ((await store.findOrganisation()) !== null) return null
  const made = newToken({ name: 'first', applicationId: null, hashToken, now, text: given })
  return (await store.createOrganisation(made.token.organisationId, made.token)) ? made : null
}
