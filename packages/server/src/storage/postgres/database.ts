/** The connections to PostgreSQL, and statements that outlive the loss of one. @module */

import { setTimeout as pause } from 'node:timers/promises'

import {
  Client,
  Pool,
  types,
  type ClientBase,
  type ClientConfig,
  type QueryConfig,
  type QueryResult,
} from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import { isLost, isStale, isTransient, refusalOf, unavailable } from './faults.ts'
import { type Sql, sql } from './sql.ts'
import { urlConfig } from './tls.ts'

/** A row as the driver gives it: numbers for integers of any size, buffers for bytes, values for JSON. */
export type Row = Readonly<Record<string, unknown>>

/** What runs statements: all reads, or one transaction. */
export interface Queries {
  rows(query: Sql): Promise<Row[]>
  row(query: Sql): Promise<Row | undefined>
  /** Runs a statement and returns how many rows it wrote. */
  change(query: Sql): Promise<number>
  /** Runs a prepared statement for many rows. */
  batch(statement: BatchStatement, values: readonly unknown[]): Promise<Row[]>
}

/** A statement for a whole batch, prepared once on each connection. */
export interface BatchStatement {
  /** Names its text: another text has another name. */
  readonly name: string
  readonly text: string
}

/** Where PostgreSQL is and how it is used. */
export interface DatabaseOptions {
  /** `postgres://user:password@host/database?sslmode=verify-full` and all that the driver takes. */
  readonly url: string
  /** The schema with all of Posthorn's tables. */
  readonly schema: string
  /** Connections for reads and settings. */
  readonly poolSize: number
  /** Connections for batches of messages and attempts. */
  readonly batchConnections: number
  /** Time after which PostgreSQL ends a statement, in milliseconds. */
  readonly statementTimeoutMs: number
  /** For how long a statement is tried again while the database cannot be reached, in milliseconds. */
  readonly patienceMs: number
}

/** The server ends a statement first; this is for a network that swallows what is sent. */
const SILENCE_MS = 5_000

const CONNECT_TIMEOUT_MS = 5_000

/** A connection keeps what it has prepared, and each day brings statements of its own. */
const LONGEST_LIFE_S = 6 * 3_600
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 500

/**
 * What batches are planned by: each of their statements is a walk over indexes, whatever the statistics say of a table that
 * was empty a minute ago.
 */
const BATCH_SETTINGS = ['seqscan', 'bitmapscan', 'mergejoin', 'material']
  .map((way) => `-c enable_${way}=off`)
  .concat('-c jit=off', '-c random_page_cost=1.1', '-c plan_cache_mode=force_generic_plan')
  .join(' ')

/**
 * Two pools: one for batches, whose plans are fixed, and one for all else, so that no slow list takes the connections of
 * what is accepted and recorded.
 */
export class Database implements Queries {
  readonly options: DatabaseOptions
  readonly #pool: Pool
  readonly #batches: Pool
  readonly #underWay = new Set<Promise<unknown>>()
  #isOpen = true
  #writes = 0

  constructor(options: DatabaseOptions) {
    this.options = options
    this.#pool = newPool(options, options.poolSize, '')
    this.#batches = newPool(options, options.batchConnections, BATCH_SETTINGS)
  }

  /** Waits for what is under way and closes all connections. What is asked for after that is refused as `busy`. */
  async stop(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    await Promise.all([this.#pool.end(), this.#batches.end()])
  }

  /** Reads; tried again where the connection is lost. @throws {PosthornError} `busy`: the database cannot be reached. */
  rows(query: Sql): Promise<Row[]> {
    return this.#track(
      this.#patiently(async () => (await this.#run(this.#pool, textOf(query))).rows as Row[]),
    )
  }

  async row(query: Sql): Promise<Row | undefined> {
    return (await this.rows(query))[0]
  }

  /** Reads with a prepared statement, whose plan walks indexes whatever the statistics say; tried again as the others. */
  readByIndex(statement: BatchStatement, values: readonly unknown[]): Promise<Row[]> {
    const query = { ...statement, values: [...values] }
    return this.#track(this.#patiently(async () => (await this.#run(this.#batches, query)).rows as Row[]))
  }

  /** How often a transaction of {@link write} or {@link writeByIndex} has begun or ended. */
  get writes(): number {
    return this.#writes
  }

  /** Writes with one statement. */
  change(query: Sql): Promise<number> {
    return this.write((transaction) => transaction.change(query))
  }

  /**
   * Runs a transaction; again where it was undone by another one, or the connection was lost before its end.
   *
   * @param work - May run more than once.
   * @throws {PosthornError} `busy`: the database cannot be reached; where the connection was lost at the very end, the
   *   transaction may have had its effect.
   */
  write<T>(work: (transaction: Queries) => Promise<T>): Promise<T> {
    return this.#track(this.#counted(() => this.#patiently(() => this.#transaction(this.#pool, work))))
  }

  /** The same, with plans that walk indexes and never a whole table, whatever the statistics say. */
  writeByIndex<T>(work: (transaction: Queries) => Promise<T>): Promise<T> {
    return this.#track(this.#counted(() => this.#patiently(() => this.#transaction(this.#batches, work))))
  }

  /** The same for what is done each second and makes nothing due but new messages: it does not count as a write. */
  pollByIndex<T>(work: (transaction: Queries) => Promise<T>): Promise<T> {
    return this.#track(this.#patiently(() => this.#transaction(this.#batches, work)))
  }

  /** Runs a transaction of several batch statements, once. @throws The fault as it was: the caller knows what to do again. */
  writeBatch<T>(work: (transaction: Queries) => Promise<T>): Promise<T> {
    return this.#track(this.#transaction(this.#batches, work))
  }

  /** Runs one batch statement as a transaction of its own, once. @throws The fault as it was. */
  batch(statement: BatchStatement, values: readonly unknown[]): Promise<Row[]> {
    return this.#track(
      this.#run(this.#batches, { ...statement, values: [...values] }).then(({ rows }) => rows as Row[]),
    )
  }

  /**
   * Returns a connection for one purpose. It is not connected yet, and the caller ends it.
   *
   * @param use.isPatient - Waits for an answer as long as it takes, as that to a new index on a large table.
   */
  client(use: { readonly isPatient?: boolean } = {}): Client {
    const config = configOf(this.options, '-c statement_timeout=0')
    return new Client(use.isPatient === true ? { ...config, query_timeout: 0 } : config)
  }

  async #run(pool: Pool, query: QueryConfig): Promise<QueryResult> {
    const client = await pool.connect()
    try {
      const result = await client.query(query)
      client.release()
      return result
    } catch (error) {
      client.release(isLost(error) || isStale(error))
      throw error
    }
  }

  async #transaction<T>(pool: Pool, work: (transaction: Queries) => Promise<T>): Promise<T> {
    const client = await pool.connect()
    let isEnding = false
    try {
      await client.query('BEGIN')
      const value = await work(queriesOf(client))
      isEnding = true
      await client.query('COMMIT')
      client.release()
      return value
    } catch (error) {
      if (isLost(error)) {
        client.release(true)
        throw isEnding ? new UncertainEnd(error) : error
      }
      await client.query('ROLLBACK').then(
        () => client.release(isStale(error)),
        () => client.release(true),
      )
      throw error
    }
  }

  async #patiently<T>(run: () => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + this.options.patienceMs
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await run()
      } catch (error) {
        if (error instanceof UncertainEnd) throw unavailable(error.cause)
        const isWorthIt = (isLost(error) || isTransient(error)) && performance.now() + pauseMs < giveUpAt
        if (!isWorthIt) throw refusalOf(error)
        await pause(pauseMs)
      }
    }
  }

  async #counted<T>(run: () => Promise<T>): Promise<T> {
    this.#writes += 1
    try {
      return await run()
    } finally {
      this.#writes += 1
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    if (!this.#isOpen) {
      work.catch(() => {})
      return Promise.reject(new PosthornError('busy', 'The store is not running'))
    }
    this.#underWay.add(work)
    const leave = () => void this.#underWay.delete(work)
    work.then(leave, leave)
    return work
  }
}

/** The connection was lost while the transaction was committed: it may have been, or not. */
class UncertainEnd extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** Tells whether a transaction may have been committed although it failed. */
export function isUncertain(error: unknown): boolean {
  return error instanceof UncertainEnd || isLost(error)
}

function queriesOf(client: ClientBase): Queries {
  const rows = async (query: Sql) => (await client.query(textOf(query))).rows as Row[]
  return {
    rows,
    row: async (query) => (await rows(query))[0],
    change: async (query) => (await client.query(textOf(query))).rowCount ?? 0,
    batch: async (statement, values) =>
      (await client.query({ ...statement, values: [...values] })).rows as Row[],
  }
}

function textOf(query: Sql): { text: string; values: unknown[] } {
  return { text: query.text, values: [...query.values] }
}

function newPool(options: DatabaseOptions, max: number, settings: string): Pool {
  const pool = new Pool({ ...configOf(options, settings), max, maxLifetimeSeconds: LONGEST_LIFE_S })
  // An idle connection that is lost is replaced by the next one; without a listener its error would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

function configOf({ url, schema, statementTimeoutMs }: DatabaseOptions, settings: string): ClientConfig {
  const given = new URL(url).searchParams.get('options') ?? ''
  return {
    ...urlConfig(withoutOptions(url)),
    options:
      `${given} -c search_path=${schema} -c statement_timeout=${statementTimeoutMs} ${settings}`.trim(),
    application_name: 'posthorn',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: statementTimeoutMs + SILENCE_MS,
    keepAlive: true,
    types: {
      // All integers of 8 bytes that are stored are below 2^53.
      getTypeParser: (type, format) =>
        type === types.builtins.INT8 && format !== 'binary'
          ? Number
          : (types.getTypeParser(type, format) as (text: string) => unknown),
    },
  }
}

/** The driver prefers what a URL says to what it is given beside it. */
function withoutOptions(url: string): string {
  const parsed = new URL(url)
  parsed.searchParams.delete('options')
  return parsed.href
}

/** Takes a lock until the end of the transaction that is held by one at a time, in all of the cluster. */
export function lockOf(schema: string, purpose: string): Sql {
  return sql`SELECT pg_advisory_xact_lock(hashtextextended(${`posthorn ${purpose} ${schema}`}, 0))`
}
