/** Keeps connections for the next request, so many and so long. @module */

import type { Socket } from 'node:net'

import { Client } from 'undici'

import { type Intake, watchIntake } from './intake.ts'
import { failureOf } from './post-failure.ts'

/** How long an unused connection is kept. Shorter than the idle limit of common servers, lest a reuse meets their close. */
const KEEP_ALIVE_MS = 4_000

/** The longest that a receiver may ask us to keep one, by the header `keep-alive`. */
const MAX_KEEP_ALIVE_MS = 60_000

/** Age past which a connection is not used again: the name may lead elsewhere by now. */
const MAX_AGE_MS = 300_000

/** For how long no connections are kept to who sent bytes that nobody had asked for. */
const DISTRUST_MS = 300_000

/** Keys that are remembered for that; the longest known goes first. */
const MAX_DISTRUSTED = 1_000

/** Bytes of an answer's headers, past which it is refused. */
const MAX_HEADER_BYTES = 16_384

/** How many unused connections are kept. What is in use is bounded by the lanes. */
export interface IdleLimits {
  readonly perKey: number
  readonly total: number
}

/** As many as one lane may have under way, and as the process may. */
export const IDLE_LIMITS: IdleLimits = { perKey: 64, total: 1_024 }

/** One connection, which has one request under way or none. */
export interface Connection {
  /** Sends on this connection and no other. */
  readonly client: Client
  readonly intake: Intake
  /** Whether it has carried a request before. */
  readonly isUsed: boolean
}

interface PooledConnection extends Connection {
  readonly key: string
  readonly socket: Socket
  readonly openedAt: number
  isUsed: boolean
  isReleased: boolean
}

/** What the pool holds. */
export interface PoolCounts {
  readonly open: number
  readonly idle: number
}

/**
 * Connections by key: an origin, and what else may not be shared.
 *
 *     add ─▶ in use ──release──▶ idle ──take──▶ in use
 *               └──discard──▶ gone ◀──its peer or the time closes it, or another takes its place
 */
export class ConnectionPool {
  readonly #limits: IdleLimits
  /** Milliseconds, from any start. */
  readonly #clock: () => number
  readonly #idle = new Map<string, PooledConnection[]>()
  /** All that are idle, the longest idle first. */
  readonly #byIdleness = new Set<PooledConnection>()
  readonly #open = new Set<PooledConnection>()
  /** Until when no connections are kept, by key. */
  readonly #distrusted = new Map<string, number>()

  constructor({ limits, clock }: { readonly limits: IdleLimits; readonly clock: () => number }) {
    this.#limits = limits
    this.#clock = clock
  }

  get counts(): PoolCounts {
    return { open: this.#open.size, idle: this.#byIdleness.size }
  }

  /** Returns an idle connection, which is in use from now on, or `null`. The last used comes first, so that others age. */
  take(key: string): Connection | null {
    for (;;) {
      const connection = this.#idle.get(key)?.at(-1)
      if (connection === undefined) return null
      this.#removeIdle(connection)
      if (!connection.socket.destroyed) return connection
    }
  }

  /** Takes in a connection that was just made, for one request at first. */
  add(key: string, origin: string, socket: Socket): Connection {
    let isConnected = false
    const intake = watchIntake(socket)
    const client = new Client(origin, {
      connect: (_options, callback) => {
        // Undici would connect again for a request that it has not begun to send. Here another connection is taken.
        if (isConnected) return callback(new Error('the connection was closed before the request'), null)
        isConnected = true
        return queueMicrotask(() => callback(null, socket))
      },
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Each request has one deadline of its own over all of this.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    const openedAt = this.#clock()
    const connection = { key, socket, client, intake, openedAt, isUsed: false, isReleased: false }
    this.#open.add(connection)
    client
      .on('disconnect', (_origin, _targets, error) => {
        const isUnused = connection.isReleased || this.#byIdleness.has(connection)
        if (isUnused && failureOf(error).reason === 'bad_response') this.#distrust(key)
        this.discard(connection)
      })
      .on('connectionError', () => this.discard(connection))
    // Undici says so when it has finished with the answer and the connection can take another request.
    client.on('drain', () => {
      if (connection.isReleased) this.#rest(connection)
    })
    return connection
  }

  /** Gives a connection back whose request was answered to its end. */
  release(connection: Connection): void {
    const pooled = connection as PooledConnection
    pooled.isUsed = true
    pooled.isReleased = true
  }

  /** Closes a connection at once, with whatever is under way on it. */
  discard(connection: Connection): void {
    const pooled = connection as PooledConnection
    if (!this.#open.delete(pooled)) return
    this.#removeIdle(pooled)
    void pooled.client.destroy()
    pooled.socket.destroy()
  }

  /** Closes all connections. */
  close(): void {
    for (const connection of this.#open) this.discard(connection)
  }

  #rest(connection: PooledConnection): void {
    connection.isReleased = false
    const { socket, key } = connection
    const age = this.#clock() - connection.openedAt
    // Bytes that are not sent yet: it was answered before it had read the request, and the next would wait behind them.
    if (socket.destroyed || socket.writableLength > 0 || age > MAX_AGE_MS) return this.discard(connection)
    if (this.#isDistrusted(key)) return this.discard(connection)

    const others = this.#idle.get(key)?.length ?? 0
    if (others >= this.#limits.perKey) return this.discard(connection)
    const [longestIdle] = this.#byIdleness
    if (this.#byIdleness.size >= this.#limits.total && longestIdle !== undefined) this.discard(longestIdle)
    // After that, which may have been the last of this key.
    const idle = this.#idle.get(key)
    if (idle === undefined) this.#idle.set(key, [connection])
    else idle.push(connection)
    return void this.#byIdleness.add(connection)
  }

  /**
   * Keeps no connections for a while: after an answer more bytes came, and the next such bytes may come when a request is
   * under way, for whose answer they would be taken.
   */
  #distrust(key: string): void {
    this.#distrusted.delete(key)
    this.#distrusted.set(key, this.#clock() + DISTRUST_MS)
    if (this.#distrusted.size > MAX_DISTRUSTED) this.#distrusted.delete(this.#distrusted.keys().next().value!)
    for (const connection of this.#idle.get(key)?.slice() ?? []) this.discard(connection)
  }

  #isDistrusted(key: string): boolean {
    const until = this.#distrusted.get(key)
    if (until === undefined) return false
    if (this.#clock() < until) return true
    this.#distrusted.delete(key)
    return false
  }

  #removeIdle(connection: PooledConnection): void {
    if (!this.#byIdleness.delete(connection)) return
    const idle = this.#idle.get(connection.key)!
    idle.splice(idle.lastIndexOf(connection), 1)
    if (idle.length === 0) this.#idle.delete(connection.key)
  }
}
