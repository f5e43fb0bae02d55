/** The store on PostgreSQL, for any number of nodes. @module */

import { GroupCommit, type GroupCommitOptions } from '../group-commit.ts'
import { requireFinished } from '../import-refusals.ts'
import type { GivenKeys } from '../key-ring.ts'
import type { AcceptRequest } from '../port/accepts.ts'
import type { AttemptRecord, RecordResult } from '../port/attempts.ts'
import type { Node, NodeState } from '../port/nodes.ts'
import type { Outbox } from '../port/outbox.ts'
import type { ClaimedDelivery } from '../port/queue.ts'
import type { Store } from '../store.ts'
import { type DueWord, acceptAll, findAccepted } from './accepts.ts'
import { purgeMethods } from './access-purge.ts'
import { applicationMethods } from './applications.ts'
import { auditMethods } from './audit.ts'
import { runBatch } from './batches.ts'
import { type ClaimRequest, claimAll, giveBack, newClaimId } from './claims.ts'
import { Database, type DatabaseOptions, isUncertain } from './database.ts'
import { deliveryMethods } from './deliveries.ts'
import { KeyRing, encryptionKeyMethods, settleKeys, heldKeyIds } from './encryption-keys.ts'
import { endpointMethods } from './endpoints.ts'
import { eventTypeMethods } from './event-types.ts'
import { exhaustedMethods } from './exhausted.ts'
import { explanationMethods } from './explanations.ts'
import { isMissingTable } from './faults.ts'
import { idempotencyMethods } from './idempotency.ts'
import { findImport } from './import-state.ts'
import { messageMethods } from './messages.ts'
import { type MigrationPlan, applyMigrations, planMigrations } from './migrate.ts'
import { Nodes } from './nodes.ts'
import { Notices } from './notices.ts'
import { postgresOutbox } from './outbox.ts'
import { Paces } from './paces.ts'
import { type Day, PartitionMaker } from './partitions.ts'
import { queueMethods } from './queue.ts'
import { inShares, sharesOf } from './record-shares.ts'
import { findRecorded, recordAll } from './records.ts'
import { replayMethods } from './replays.ts'
import { retentionMethods } from './retention.ts'
import { requireSchemaName } from './schema-name.ts'
import { searchMethods } from './search.ts'
import { signingKeyMethods } from './signing-keys.ts'
import { taskMethods } from './tasks.ts'
import { tokenMethods } from './tokens.ts'
import { WaitingDays } from './waiting-days.ts'

/** Limits of the queues of writes: one for messages, one for attempts, one for claims. */
const QUEUE = {
  maxBatch: 512,
  windowMs: 3,
  maxQueued: 10_000,
  maxQueuedBytes: 64 * 1_048_576,
} as const satisfies GroupCommitOptions

const DEFAULTS = {
  schema: 'posthorn',
  poolSize: 10,
  batchConnections: 4,
  statementTimeoutMs: 30_000,
  patienceMs: 10_000,
  takeOverAfterMs: 10_000,
} as const

/** Longer than any statement runs. */
const LOST_CLAIM_MS = 60_000

/** Options of {@link PostgresStore}. */
export interface PostgresStoreOptions extends Partial<DatabaseOptions> {
  /** Where PostgreSQL is; also how TLS is used: `postgres://user@host/database?sslmode=verify-full`. */
  readonly url: string
  /** 32 bytes that secrets are sealed with; or several keys, while one takes another's place. */
  readonly encryptionKey: Uint8Array | GivenKeys
  /** For a server, not a tool beside one. */
  readonly isServer: boolean
  /** Silence after which another node is dead and its work is taken over, in milliseconds. */
  readonly takeOverAfterMs?: number
  readonly queue?: Partial<GroupCommitOptions>
  /** Epoch milliseconds of this machine. */
  readonly clock?: () => number
  /** Milliseconds that only grow, by which the silence of other nodes is measured. */
  readonly monotonic?: () => number
}

/** All methods that are a statement or a transaction of their own. */
function methodsOf(
  database: Database,
  notices: Notices,
  keys: KeyRing,
  waitingDays: WaitingDays,
  due: () => DueWord,
) {
  return {
    ...tokenMethods(database, notices),
    ...idempotencyMethods(database, keys),
    ...auditMethods(database),
    ...purgeMethods(database),
    ...applicationMethods(database, notices),
    ...endpointMethods({ database, notices, keys, due }),
    ...eventTypeMethods(database, notices),
    ...messageMethods(database),
    ...explanationMethods(database),
    ...retentionMethods(database),
    ...searchMethods(database),
    ...queueMethods(database, waitingDays),
    ...exhaustedMethods(database),
    ...deliveryMethods(database, keys),
    ...replayMethods(database, keys),
    ...taskMethods(database),
    ...encryptionKeyMethods(database, notices, keys),
    ...signingKeyMethods(database, notices, keys),
  } satisfies Partial<Store>
}

type OwnMethods = ReturnType<typeof methodsOf>

/** What a {@link PostgresStore} does beyond {@link OwnMethods}. */
interface Lifecycle extends Omit<Store, keyof OwnMethods> {}

/**
 * The store on PostgreSQL. Messages accepted, attempts recorded and deliveries claimed in one moment share a statement; all
 * else is a statement or transaction of its own. A lost connection is replaced without a restart: what can be repeated is
 * repeated for a while, and what cannot is refused as `busy`.
 */
class Core implements Lifecycle {
  readonly #database: Database
  readonly #notices: Notices
  readonly #keys: KeyRing
  readonly #nodes: Nodes
  readonly #paces: Paces
  readonly #partitions: PartitionMaker
  readonly #waitingDays: WaitingDays
  readonly #isServer: boolean
  readonly #clock: () => number
  readonly #accepts: GroupCommit<AcceptRequest>
  readonly #records: GroupCommit<AttemptRecord>
  readonly #claims: GroupCommit<ClaimRequest>
  readonly methods: OwnMethods
  readonly takeOverAfterMs: number
  readonly outbox: Outbox
  readonly #monotonic: () => number
  /** Claims whose answer was lost, and until when they are looked after. */
  readonly #lostClaims = new Map<number, number>()
  #keyIds: readonly string[] | null = null

  constructor({
    isServer,
    encryptionKey,
    queue = {},
    clock = Date.now,
    monotonic = () => performance.now(),
    takeOverAfterMs = DEFAULTS.takeOverAfterMs,
    ...given
  }: PostgresStoreOptions) {
    const options = { ...DEFAULTS, ...given }
    requireSchemaName(options.schema)
    this.#isServer = isServer
    this.#clock = clock
    this.takeOverAfterMs = takeOverAfterMs
    this.#monotonic = monotonic
    this.#keys = new KeyRing(encryptionKey)
    this.#database = new Database(options)
    this.#notices = new Notices(this.#database)
    this.#paces = new Paces({ database: this.#database, monotonic })
    this.#partitions = new PartitionMaker(this.#database)
    this.#waitingDays = new WaitingDays({
      database: this.#database,
      partitions: this.#partitions,
      clock,
      monotonic,
    })
    this.#nodes = new Nodes({
      database: this.#database,
      notices: this.#notices,
      clock,
      monotonic,
      deadAfterMs: takeOverAfterMs,
      keyIds: async () => (this.#keyIds ??= await heldKeyIds(this.#database, this.#keys)),
    })
    this.#notices.onChange((applicationId) => {
      if (applicationId === null) this.#keyIds = null
    })
    const { patienceMs } = options
    const limits = { ...QUEUE, ...queue }
    this.#accepts = new GroupCommit(async (batch) => {
      const results = await runBatch(batch, {
        patienceMs,
        run: (some) => this.#accept(some),
        findDone: (some) => findAccepted(this.#database, some),
      })
      this.#waitingDays.open(batch.map(({ message }) => message.id))
      return results
    }, limits)
    this.#records = new GroupCommit(async (batch) => {
      const shares = sharesOf(batch, (messageId) => this.#partitions.dayWith(messageId))
      const results = await inShares(batch, shares, ({ records, day }) =>
        runBatch(records, {
          patienceMs,
          run: (some) => this.#record(some, day),
          findDone: (some) => findRecorded(this.#database, some),
        }),
      )
      this.#waitingDays.open(batch.map(({ attempt }) => attempt.messageId))
      return results
    }, limits)
    this.#claims = new GroupCommit(
      (batch) =>
        runBatch(batch, { patienceMs, run: (some) => this.#claim(some), findDone: async () => new Map() }),
      limits,
    )
    this.outbox = postgresOutbox({
      database: this.#database,
      notices: this.#notices,
      due: () => this.#dueWord(),
    })
    this.methods = methodsOf(this.#database, this.#notices, this.#keys, this.#waitingDays, () =>
      this.#dueWord(),
    )
  }

  async start(): Promise<void> {
    await applyMigrations(this.#database)
    requireFinished(await findImport(this.#database))
    await settleKeys(this.#database, this.#keys, { isServer: this.#isServer })
    await this.#partitions.keepAhead(this.#clock())
    await this.#notices.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#accepts.drain(), this.#records.drain(), this.#claims.drain()])
    await this.#notices.stop()
    await this.#nodes.leave()
    await this.#database.stop()
  }

  onChange(listener: (applicationId: string | null) => void): void {
    this.#notices.onChange(listener)
  }

  onDue(listener: () => void): void {
    this.#notices.onDue(listener)
  }

  tellBreaker(endpointId: string, openUntil: number | null): void {
    this.#notices.tellBreaker(endpointId, openUntil)
  }

  onBreaker(listener: (endpointId: string, openUntil: number | null) => void): void {
    this.#notices.onBreaker(listener)
  }

  listNodes(): Promise<Node[]> {
    return this.#nodes.listNodes()
  }

  clockOffsetMs(): number {
    return this.#nodes.clockOffsetMs
  }

  joinAsNode(now: number): Promise<number> {
    return this.#nodes.joinAsNode(now)
  }

  async beat(lease: number, now: number, state?: NodeState): Promise<boolean> {
    const isAlive = await this.#nodes.beat(lease, state ?? null)
    this.#partitions.keepAheadBeside(now)
    await this.#giveBackLostClaims()
    await this.#paces.giveUpIdle()
    return isAlive
  }

  acceptMessage(request: AcceptRequest) {
    return this.#accepts.add(request, request.message.payload.byteLength) as ReturnType<
      Store['acceptMessage']
    >
  }

  // What the engine writes is bounded by what it holds, and refusing it would lose what happened.
  async recordAttempt(record: AttemptRecord): Promise<RecordResult> {
    const result = (await this.#records.add(record, 0, false)) as RecordResult
    if (result === 'changed') this.#notices.tellChange(record.attempt.applicationId)
    return result
  }

  claimDeliveries(request: ClaimRequest): Promise<ClaimedDelivery[]> {
    return this.#claims.add(request, 0, false) as Promise<ClaimedDelivery[]>
  }

  async #accept(requests: readonly AcceptRequest[]) {
    const isDueSoon = requests.some(({ message, deliveries, dueAt }) => {
      return dueAt <= message.createdAt && deliveries.some(({ lease }) => lease === null)
    })
    const due = isDueSoon ? this.#dueWord() : { channel: this.#notices.channel, text: null }
    return (await acceptAll(this.#database, requests, due)).map((value) => ({ value }))
  }

  async #record(
    records: readonly AttemptRecord[],
    day: Day | null,
  ): Promise<{ readonly value: RecordResult }[]> {
    const word = {
      channel: this.#notices.channel,
      textFor: (applicationId: string) => this.#notices.changeText(applicationId),
    }
    try {
      const results = await recordAll(this.#database, records, day, word, () => this.#dueWord())
      return results.map((value) => ({ value }))
    } catch (error) {
      if (day === null || !isMissingTable(error)) throw error
      // Retention has dropped it since, and with it what was to be recorded.
      this.#partitions.forget(day)
      return this.#record(records, null)
    }
  }

  async #claim(claims: readonly ClaimRequest[]) {
    const claimId = newClaimId()
    try {
      const allowed = await this.#paces.takeFor(claims)
      const claimed = await claimAll(this.#database, allowed, claimId, this.#waitingDays.ranges())
      const byClaim = new Map(allowed.map((claim, i) => [claim, claimed[i]!]))
      return claims.map((claim) => ({ value: byClaim.get(claim) ?? [] }))
    } catch (error) {
      if (isUncertain(error)) this.#lostClaims.set(claimId, this.#monotonic() + LOST_CLAIM_MS)
      throw error
    }
  }

  /** Again with each beat for a while: a statement may go on in the database when its connection is long gone. */
  async #giveBackLostClaims(): Promise<void> {
    if (this.#lostClaims.size === 0) return
    const freed = await giveBack(this.#database, [...this.#lostClaims.keys()])
    for (const [id, until] of this.#lostClaims) if (until < this.#monotonic()) this.#lostClaims.delete(id)
    if (freed > 0) await this.#notices.sayDue()
  }

  #dueWord(): DueWord {
    return { channel: this.#notices.channel, text: this.#notices.dueText() }
  }
}

/** A store on PostgreSQL, not yet started. @throws {PosthornError} `bad_key`; `bad_config`: the name of the schema. */
export function postgresStore(options: PostgresStoreOptions): Store {
  const core = new Core(options)
  return Object.assign(core, core.methods)
}

/** Brings a schema up to date. */
export interface Migrator {
  /** Tells what {@link Migrator.apply} would do. */
  plan(): Promise<MigrationPlan>
  /** Does what is missing; returns the names of the steps. */
  apply(): Promise<string[]>
  close(): Promise<void>
}

/** What brings the schema up to date without a store. */
export function postgresMigrator(options: Pick<DatabaseOptions, 'url' | 'schema'>): Migrator {
  const database = new Database({ ...DEFAULTS, ...options })
  return {
    plan: () => planMigrations(database),
    apply: () => applyMigrations(database),
    close: () => database.stop(),
  }
}
