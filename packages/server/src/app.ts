/** The composition root: the only file that wires everything. @module */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import type { FastifyBaseLogger } from 'fastify'

import { readAuthorities } from './authorities.ts'
import { destinationPolicy, faultOfUrl } from './delivery/destination.ts'
import { Engine } from './delivery/engine.ts'
import { guardedClient } from './delivery/guarded-client.ts'
import type { NameLookup } from './delivery/guarded-lookup.ts'
import { teller } from './delivery/operational-events.ts'
import { previewRequests } from './delivery/preview.ts'
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
import { eventCheck } from './http/event-type/discipline.ts'
import { httpServer } from './http/server.ts'
import { type KeyOptions, type Keys, readEncryptionKeys } from './keys.ts'
import type { Options } from './options.ts'
import { claimKeyChange } from './storage/sqlite/database.ts'
import { SqliteStore } from './storage/sqlite/sqlite-store.ts'
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

/** Parts that a test gives in the place of the usual ones. */
export interface AppParts {
  /** Resolves the names of endpoints. */
  readonly lookup?: NameLookup
}

/**
 * Starts Posthorn.
 *
 *     requests ─▶ HTTP server ─▶ engine ─▶ lanes ─▶ guarded client ─▶ endpoints
 *                      │           │
 *                      └─▶ store ◀─┘      routing table: what the store knows of applications, in memory
 *
 * @throws {PosthornError} `data_in_use`, `data_unreadable`, `bad_key`; `bad_config`: it cannot listen there.
 */
export async function startApp(
  options: Options,
  log: FastifyBaseLogger,
  { lookup }: AppParts = {},
): Promise<App> {
  const clock = Date.now
  const { store, keys } = openStore(options, { isExclusive: true })
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
    const userAgent = `Posthorn/${VERSION}`
    const signingKeys = new SigningKeys(store)
    const routes = new RoutingTable({ store, signingKeys, alsoSvix: options.svixHeaders })
    const engine = new Engine({
      store,
      routes,
      client,
      log,
      clock,
      random: Math.random,
      schedule: options.retryScheduleMs,
      disableAfterMs: options.disableAfterMs,
      timeoutMs: options.attemptTimeoutMs,
      userAgent,
    })
    const tasks = new TaskRunner({ store, clock, log, onDue: () => engine.wake() })
    const callers = authenticator({ store, clock, jwtSecret: options.jwtSecret })
    const upkeep = new AccessUpkeep({ store, clock, log, takeUses: () => callers.takeUses() })
    const server = httpServer(
      {
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
        checkEvent: options.strictEventTypes ? eventCheck(store) : null,
        preview: async (message) =>
          previewRequests(message, await routes.routesOf(message.applicationId), { userAgent }),
        wake: () => engine.wake(),
        tell: teller({ store, routes, clock, pickUp: (requests) => engine.pickUp(requests) }),
        wakeTasks: () => tasks.wake(),
        egressAddresses: options.egressAddresses?.ranges ?? [],
        faultOfUrl: (url) => faultOfUrl(url, policy),
        signingKeys: () => signingKeys.listPublic(clock()),
      },
      log,
    )
    const retention = new Retention({ store, log, clock, maxAgeMs: options.retentionMs })

    await engine.start()
    upkeep.start()
    const stop = async () => {
      await server.close()
      await retention.stop()
      await tasks.stop()
      await upkeep.stop()
      await engine.stop()
      await client.close()
      await store.stop()
    }
    try {
      logRetries(options, log)
      const url = await listen(server, options)
      retention.start()
      tasks.start()
      const firstStart =
        token === null ? null : { keysFrom: keys.from, token: options.bootstrapToken ? null : token.text }
      return { url, firstStart, stop }
    } catch (error) {
      await upkeep.stop()
      await engine.stop()
      await client.close()
      throw error
    }
  } catch (error) {
    await store.stop()
    throw error
  }
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
async function listen(server: Api, { host, port }: Pick<Options, 'host' | 'port'>): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (cause) {
    throw new PosthornError('bad_config', `Cannot listen on ${host}:${port}: ${(cause as Error).message}`, {
      hint: 'Give another --host or --port',
      cause,
    })
  }
}

/**
 * Returns the store of the options, not yet started, and where its keys are from.
 *
 * @param use.isExclusive - For the server; the CLI works beside one.
 */
export function openStore(
  options: KeyOptions,
  use: { readonly isExclusive: boolean },
): { store: Store; keys: Keys } {
  mkdirSync(options.data, { recursive: true, mode: 0o700 })
  const path = join(options.data, 'posthorn.db')
  const keys = readEncryptionKeys(options, path)
  return { store: new SqliteStore({ path, encryptionKey: keys, ...use }), keys }
}

/** Keeps others from changing the keys until what it returns is called. @throws {PosthornError} `data_in_use`. */
export function claimKeys(options: KeyOptions): () => void {
  mkdirSync(options.data, { recursive: true, mode: 0o700 })
  const claim = claimKeyChange(join(options.data, 'posthorn.db'))
  return () => claim.close()
}

/** Makes the organisation and its token in a new database; returns the token, or `null` where there was one already. */
export async function bootstrap(store: Store, given: string | null, now: number): Promise<NewToken | null> {
  if ((await store.findOrganisation()) !== null) return null
  const made = newToken({ name: 'first', applicationId: null, hashToken, now, text: given })
  return (await store.createOrganisation(made.token.organisationId, made.token)) ? made : null
}
