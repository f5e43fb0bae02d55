/** Several nodes as processes of their own, on one PostgreSQL that may be stopped, and a load on them. @module */

import { randomBytes } from 'node:crypto'

import { expect, onTestFinished } from 'vitest'

import { type Api, apiOf } from './api.ts'
import { eventually } from './eventually.ts'
import { PostgresServer } from './postgres-server.ts'
import { type Command, startCommand } from './process.ts'
import { TOKEN } from './server.ts'

/** Silence after which a node is dead, the least that may be: a test waits for it. */
export const NODE_TIMEOUT_MS = 3_000

/** A node that runs. */
export interface ClusterNode extends Command {
  readonly url: string
  readonly api: Api
}

/** How a node is started. */
export interface NodeOptions {
  readonly flags?: readonly string[]
  /** Port on which it reaches PostgreSQL; by default PostgreSQL's own. */
  readonly databasePort?: number
  /** How far its clock is ahead, in milliseconds. */
  readonly clockAheadMs?: number
  /** The command line of another build than this tree's. */
  readonly main?: string
}

/** A PostgreSQL of its own, and nodes on it. The end of the test stops all. */
export interface Cluster {
  readonly postgres: PostgresServer
  /** What commands need to know of the database. */
  readonly env: Readonly<Record<string, string>>
  readonly startNode: (options?: NodeOptions) => Promise<ClusterNode>
}

/** Starts PostgreSQL for a cluster. */
export async function startCluster(): Promise<Cluster> {
  const postgres = await PostgresServer.create({ isDurable: true })
  onTestFinished(() => postgres.remove())
  const key = randomBytes(32).toString('base64')
  return {
    postgres,
    env: { POSTHORN_DATABASE: postgres.url, POSTHORN_ENCRYPTION_KEY: key },
    startNode: async ({ flags = [], databasePort, clockAheadMs = 0, main } = {}) => {
      const database = new URL(postgres.url)
      if (databasePort !== undefined) database.port = String(databasePort)
      const command = startCommand(
        ['serve', '--port', '0', '--dev', '--node-timeout', `${NODE_TIMEOUT_MS}ms`, ...flags],
        {
          env: {
            POSTHORN_BOOTSTRAP_TOKEN: TOKEN,
            POSTHORN_DATABASE: database.href,
            POSTHORN_ENCRYPTION_KEY: key,
            POSTHORN_DATABASE_POOL: '4',
            POSTHORN_TEST_CLOCK_AHEAD_MS: String(clockAheadMs),
          },
          ...(main === undefined ? {} : { main }),
        },
      )
      const { url } = JSON.parse(await command.line('Posthorn is listening')) as { url: string }
      return { ...command, url, api: apiOf(url, TOKEN) }
    },
  }
}

/** What `GET /cluster` shows. */
export interface ShownCluster {
  readonly nodes: readonly {
    readonly id: number
    readonly version: string | null
    readonly pid: number | null
    readonly silentMs: number
  }[]
  readonly lagMs: number
}

/** Resolves when each of these nodes sees exactly these, all of them beating. */
export async function seeEachOther(nodes: readonly ClusterNode[]): Promise<void> {
  const pids = nodes.map(({ pid }) => pid).toSorted((a, b) => a - b)
  for (const { api } of nodes) {
    await eventually(
      () => api.ask<ShownCluster>('GET', '/cluster').catch(() => null),
      (seen) => {
        const beating = seen?.nodes.filter(({ silentMs }) => silentMs < NODE_TIMEOUT_MS) ?? []
        expect(seen?.nodes).toHaveLength(beating.length)
        expect(beating.map(({ pid }) => pid).toSorted((a, b) => a! - b!)).toEqual(pids)
      },
    )
  }
}

/** Messages that are sent all the time. */
export interface Load {
  /** Ids of the messages that were acknowledged. */
  readonly acknowledged: ReadonlySet<string>
  /** Answers other than 202, by status; 0 where none came. */
  readonly refused: ReadonlyMap<number, number>
  /** Resolves when so many more are acknowledged. */
  more(number: number): Promise<void>
  stop(): Promise<void>
}

/** Options of {@link startLoad}. */
export interface LoadOptions {
  readonly senders?: number
  /** Is waited for before each message, and told how many are acknowledged; by default nothing is waited for. */
  readonly ready?: (acknowledged: number) => Promise<unknown>
}

/** Time after which a sender asks another node, in milliseconds. */
const PATIENCE_MS = 2_000

/**
 * Sends messages to an application, from several senders that go from node to node, each one message after another: the
 * payload says which sender's it is, and its turn, which only grows. Who gets no answer sends another
 * message: whether that one was accepted is not known, and it counts for nothing.
 */
export function startLoad(
  nodes: () => readonly ClusterNode[],
  application: string,
  { senders = 8, ready = () => Promise.resolve() }: LoadOptions = {},
): Load {
  const acknowledged = new Set<string>()
  const refused = new Map<number, number>()
  const stopping = new AbortController()
  const stopped = Promise.withResolvers<void>()
  const send = async (sender: number) => {
    for (let turn = sender; ; turn++) {
      await Promise.race([ready(acknowledged.size), stopped.promise])
      if (stopping.signal.aborted) return
      const all = nodes()
      const payload = { sender, turn, filler: 'x'.repeat(200) }
      const status = await trySend(all[turn % all.length]!.url, application, payload, acknowledged)
      if (status !== 202) refused.set(status, (refused.get(status) ?? 0) + 1)
    }
  }
  const sending = Array.from({ length: senders }, (_, sender) => send(sender))
  const stop = async () => {
    stopping.abort()
    stopped.resolve()
    await Promise.all(sending)
  }
  onTestFinished(stop)
  return {
    acknowledged,
    refused,
    async more(number) {
      const target = acknowledged.size + number
      await eventually(
        () => acknowledged.size,
        (size) => expect(size).toBeGreaterThanOrEqual(target),
      )
    },
    stop,
  }
}

async function trySend(
  url: string,
  application: string,
  payload: object,
  acknowledged: Set<string>,
): Promise<number> {
  try {
    const response = await fetch(`${url}/api/v1/app/${application}/msg`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ eventType: 'load', payload }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const body = (await response.json()) as { id: string }
    if (response.status === 202) acknowledged.add(body.id)
    return response.status
  } catch {
    return 0
  }
}
