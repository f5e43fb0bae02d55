/**
 * Word between nodes, over LISTEN and NOTIFY: that something was written, that something is due. Word may be lost with a
 * connection, so who listens is told that anything may have changed whenever it begins to listen anew.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'

import type { Client } from 'pg'

import type { Database, Queries } from './database.ts'
import { type Sql, sql } from './sql.ts'

/** How often the listening connection is tried, so that one which died in silence is replaced: milliseconds. */
const TRY_EVERY_MS = 5_000

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000

/** Least time between two words of this node that something is due, in milliseconds. A poll finds it anyway. */
const DUE_EVERY_MS = 50

type ChangeListener = (applicationId: string | null) => void
type BreakerListener = (endpointId: string, openUntil: number | null) => void

/**
 * Tells the other nodes, and hears of them.
 *
 *     start ──▶ connecting ──▶ listening ──lost──▶ connecting …      stop ends it anywhere
 */
export class Notices {
  readonly #database: Database
  /** Tells this node's word from that of others. */
  readonly #self = randomBytes(6).toString('hex')
  readonly #changeListeners: ChangeListener[] = []
  readonly #dueListeners: (() => void)[] = []
  readonly #breakerListeners: BreakerListener[] = []
  readonly #outboxListeners: (() => void)[] = []
  #client: Client | null = null
  #timer: NodeJS.Timeout | null = null
  #isStopped = false
  #toldDueAt = -Infinity

  constructor(database: Database) {
    this.#database = database
  }

  onChange(listener: ChangeListener): void {
    this.#changeListeners.push(listener)
  }

  onDue(listener: () => void): void {
    this.#dueListeners.push(listener)
  }

  /** Calls the listener when `send`, the function of the outbox, says that it was called. */
  onOutbox(listener: () => void): void {
    this.#outboxListeners.push(listener)
  }

  onBreaker(listener: BreakerListener): void {
    this.#breakerListeners.push(listener)
  }

  /** Tells the other nodes of a breaker. Word that is lost costs an attempt or two. */
  tellBreaker(endpointId: string, openUntil: number | null): void {
    const text = `${this.#self} breaker ${endpointId} ${openUntil ?? ''}`
    this.#database.rows(sql`SELECT pg_notify(${this.channel}::text, ${text}::text)`).catch(() => {})
  }

  /** Listens from now on. Resolves when it does. @throws The connection failed. */
  async start(): Promise<void> {
    await this.#listen()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#client?.end().catch(() => {})
  }

  /** Tells the listeners of this node. */
  tellChange(applicationId: string | null): void {
    for (const listener of this.#changeListeners) listener(applicationId)
  }

  /** Runs a transaction that changes settings: all nodes are told of the application, this one before it resolves. */
  async writeTold<T>(applicationId: string | null, work: (transaction: Queries) => Promise<T>): Promise<T> {
    const value = await this.#database.write(async (transaction) => {
      const result = await work(transaction)
      await transaction.rows(sql`SELECT ${this.notifyChange(applicationId)}`)
      return result
    })
    this.tellChange(applicationId)
    return value
  }

  /** The expression that tells other nodes of a change, when the transaction that has it is committed. */
  notifyChange(applicationId: string | null): Sql {
    return sql`pg_notify(${this.channel}::text, ${this.changeText(applicationId)}::text)`
  }

  get channel(): string {
    return this.#database.options.schema
  }

  changeText(applicationId: string | null): string {
    return `${this.#self} change ${applicationId ?? ''}`
  }

  /** Tells all nodes, this one too, that something is due. */
  async sayDue(): Promise<void> {
    this.#tellDue()
    const text = this.dueText()
    if (text === null) return
    await this.#database.rows(sql`SELECT pg_notify(${this.channel}::text, ${text}::text)`)
  }

  /** What is to be told with a batch that left something due; `null` where that was told a moment ago. */
  dueText(): string | null {
    const now = performance.now()
    if (now - this.#toldDueAt < DUE_EVERY_MS) return null
    this.#toldDueAt = now
    return `${this.#self} due`
  }

  async #listen(): Promise<void> {
    const client = this.#database.client()
    let isLost = false
    const lose = () => {
      if (isLost) return
      isLost = true
      client.end().catch(() => {})
      if (this.#client === client) this.#reconnect(FIRST_PAUSE_MS)
    }
    client.on('error', lose)
    client.on('end', lose)
    client.on('notification', ({ payload = '' }) => this.#hear(payload))
    try {
      await client.connect()
      await client.query(`LISTEN ${this.channel}`)
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
    if (this.#isStopped || isLost) return lose()
    this.#client = client
    this.#tryAgain(client, lose)
  }

  #tryAgain(client: Client, lose: () => void): void {
    this.#timer = setTimeout(() => {
      client.query('SELECT 1').then(() => {
        if (!this.#isStopped && this.#client === client) this.#tryAgain(client, lose)
      }, lose)
    }, TRY_EVERY_MS).unref()
  }

  #reconnect(pauseMs: number): void {
    this.#client = null
    if (this.#isStopped) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#listen().then(
        () => {
          if (this.#isStopped) return
          // What was said meanwhile was not heard.
          this.tellChange(null)
          this.#tellDue()
        },
        () => this.#reconnect(Math.min(2 * pauseMs, LONGEST_PAUSE_MS)),
      )
    }, pauseMs)
  }

  #hear(text: string): void {
    const [from, kind, applicationId] = text.split(' ')
    if (from === this.#self) return
    if (kind === 'breaker') this.#hearOfBreaker(text)
    else if (kind === 'due') this.#tellDue()
    else if (kind === 'outbox') for (const listener of this.#outboxListeners) listener()
    else this.tellChange(applicationId === '' || applicationId === undefined ? null : applicationId)
  }

  #hearOfBreaker(text: string): void {
    const [, , endpointId = '', openUntil = ''] = text.split(' ')
    for (const listener of this.#breakerListeners) {
      listener(endpointId, openUntil === '' ? null : Number(openUntil))
    }
  }

  #tellDue(): void {
    for (const listener of this.#dueListeners) listener()
  }
}
