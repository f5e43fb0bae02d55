/** The store on the embedded database: the event loop's side of it. @module */

import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { PosthornError } from '../../domain/errors.ts'
import { GroupCommit, type GroupCommitOptions, type OperationResult } from '../group-commit.ts'
import type { GivenKeys } from '../key-ring.ts'
import type { AcceptRequest } from '../port/accepts.ts'
import type { RecordResult } from '../port/attempts.ts'
import type { Node } from '../port/nodes.ts'
import type { Store } from '../store.ts'
import type { ErrorMessage, Operation, WorkerData, WorkerRequest, WorkerResponse } from './worker.ts'

/** Limits of the write queue. 10,000 operations are some two seconds of work. */
const DEFAULTS = {
  maxBatch: 512,
  windowMs: 3,
  maxQueued: 10_000,
  maxQueuedBytes: 64 * 1_048_576,
} as const satisfies GroupCommitOptions

const FOREIGN_WRITE_POLL_MS = 500

/** What a store does; the rest says what it is. */
type Method = {
  [K in keyof Store]-?: Store[K] extends (...args: never) => unknown ? K : never
}[keyof Store]

/** Options of {@link SqliteStore}. */
export interface SqliteStoreOptions {
  /** Path of the database file; its folder exists. */
  readonly path: string
  /** 32 bytes that secrets are sealed with; or several keys, while one takes another's place. */
  readonly encryptionKey: Uint8Array | GivenKeys
  /** Claims the data for this process, as a server does. Without it the store cannot `joinAsNode`. */
  readonly isExclusive: boolean
  readonly queue?: Partial<GroupCommitOptions>
}

/**
 * The embedded store. Reads and writes each have a thread with a connection; writes of one moment share a transaction.
 * A read that follows a write sees it.
 */
export class SqliteStore implements Store {
  readonly #options: SqliteStoreOptions
  readonly #commit: GroupCommit<Operation>
  #writer: DatabaseThread | null = null
  #reader: DatabaseThread | null = null
  #node: Node | null = null
  readonly #changeListeners: ((applicationId: string | null) => void)[] = []

  constructor(options: SqliteStoreOptions) {
    this.#options = options
    this.#commit = new GroupCommit(async (operations) => this.#need(this.#writer).write(operations), {
      ...DEFAULTS,
      ...options.queue,
    })
  }

  async start(): Promise<void> {
    const data: Omit<WorkerData, 'role'> = {
      path: this.#options.path,
      isExclusive: this.#options.isExclusive,
      encryptionKey: this.#options.encryptionKey,
      foreignWritePollMs: FOREIGN_WRITE_POLL_MS,
    }
    // The writer first: it makes the file and its schema.
    this.#writer = await DatabaseThread.start({ ...data, role: 'writer' }, () => this.#tellChange(null))
    this.#reader = await DatabaseThread.start({ ...data, role: 'reader', isExclusive: false }, () => {})
  }

  async stop(): Promise<void> {
    await this.#commit.drain()
    const [reader, writer] = [this.#reader, this.#writer]
    this.#reader = null
    this.#writer = null
    // The reader first, so that the writer is the last to close and folds the write-ahead log into the file.
    await reader?.stop()
    await writer?.stop()
  }

  onChange(listener: (applicationId: string | null) => void): void {
    this.#changeListeners.push(listener)
  }

  /** There is no other node. */
  readonly takeOverAfterMs = null
  onDue(): void {}
  tellBreaker(): void {}
  onBreaker(): void {}

  /** The database has no clock of its own. */
  clockOffsetMs(): number {
    return 0
  }

  readonly findOrganisation = this.#read('findOrganisation')
  readonly createOrganisation = this.#write('createOrganisation')

  readonly createToken = this.#write('createToken')
  readonly findToken = this.#read('findToken')
  readonly revokeToken = this.#writeTold('revokeToken', () => null)
  readonly listApiTokens = this.#read('listApiTokens')
  readonly expireToken = this.#writeTold('expireToken', () => null)
  readonly expireTokensOfApplication = this.#writeTold('expireTokensOfApplication', () => null)
  readonly recordTokenUses = this.#write('recordTokenUses')
  readonly createPortalAccess = this.#write('createPortalAccess')
  readonly redeemLoginKey = this.#write('redeemLoginKey')

  readonly findAnswer = this.#read('findAnswer')
  readonly saveAnswer = this.#write('saveAnswer')
  readonly recordAudit = this.#write('recordAudit')
  readonly listAudit = this.#read('listAudit')
  readonly purgeAccess = this.#write('purgeAccess')

  readonly createApplication = this.#write('createApplication')
  readonly findApplication = this.#read('findApplication')
  readonly listApplications = this.#read('listApplications')
  readonly findPolicy = this.#read('findPolicy')
  readonly updateApplication = this.#writeTold('updateApplication', (_organisationId, id) => id)
  readonly deleteApplication = this.#writeTold('deleteApplication', (_organisationId, id) => id)

  readonly createEndpoint = this.#writeTold('createEndpoint', (endpoint) => endpoint.applicationId)
  readonly findEndpoint = this.#read('findEndpoint')
  readonly listEndpoints = this.#read('listEndpoints')
  readonly updateEndpoint = this.#writeTold('updateEndpoint', (applicationId) => applicationId)
  readonly patchEndpointHeaders = this.#writeTold('patchEndpointHeaders', (applicationId) => applicationId)
  readonly rotateEndpointSecret = this.#writeTold('rotateEndpointSecret', (applicationId) => applicationId)
  readonly deleteEndpoint = this.#writeTold('deleteEndpoint', (applicationId) => applicationId)

  readonly createEventType = this.#writeTold('createEventType', () => null)
  readonly findEventType = this.#read('findEventType')
  readonly listEventTypes = this.#read('listEventTypes')
  readonly updateEventType = this.#writeTold('updateEventType', () => null)
  readonly importEventTypes = this.#writeTold('importEventTypes', () => null)
  readonly expungeEventType = this.#writeTold('expungeEventType', () => null)

  readonly acceptMessage: Store['acceptMessage'] = this.#write('acceptMessage', sizeOf)
  readonly findMessage = this.#read('findMessage')
  readonly listMessages = this.#read('listMessages')
  readonly listSituations = this.#read('listSituations')
  readonly expungeContent = this.#write('expungeContent')
  readonly expungeAttemptContent = this.#write('expungeAttemptContent')
  readonly expungeExpired = this.#write('expungeExpired')
  readonly stepPurge = this.#write('stepPurge')
  readonly deleteOldMessages = this.#write('deleteOldMessages')
  readonly trimEndpointHistory = this.#write('trimEndpointHistory')

  readonly findAttempt = this.#read('findAttempt')
  readonly listAttemptsOfMessage = this.#read('listAttemptsOfMessage')
  readonly listAttemptsOfEndpoint = this.#read('listAttemptsOfEndpoint')
  readonly listDeliveriesOfMessage = this.#read('listDeliveriesOfMessage')
  readonly listDeliveriesOfEndpoint = this.#read('listDeliveriesOfEndpoint')

  readonly joinAsNode: Store['joinAsNode'] = async (now) => {
    // It frees every lease, and only who has claimed the data knows that all of them are those of the dead.
    if (!this.#options.isExclusive) throw new Error('Only a store that claims the data can join as a node')
    const lease = (await this.#commit.add({ method: 'joinAsNode', args: [now] })) as number
    this.#node = { lease, state: null, joinedAt: now, silentMs: 0 }
    return lease
  }
  /** Nobody else holds the data, so nobody can have taken this node for dead. */
  readonly beat: Store['beat'] = async (_lease, _now, state) => {
    if (this.#node !== null) this.#node = { ...this.#node, state: state ?? null }
    return true
  }
  readonly listNodes: Store['listNodes'] = async () => (this.#node === null ? [] : [this.#node])
  readonly findWaitingEndpoints = this.#read('findWaitingEndpoints')
  // What the engine writes is bounded by what it holds, and refusing it would lose what happened.
  readonly claimDeliveries = this.#writeAlways('claimDeliveries')
  readonly releaseDeliveries = this.#writeAlways('releaseDeliveries')
  readonly cancelDeliveries = this.#writeAlways('cancelDeliveries')
  readonly recordAttempt: Store['recordAttempt'] = async (record) => {
    const operation: Operation = { method: 'recordAttempt', args: [record] }
    const result = (await this.#commit.add(operation, 0, false)) as RecordResult
    if (result === 'changed') this.#tellChange(record.attempt.applicationId)
    return result
  }
  readonly findQueue = this.#read('findQueue')
  readonly listExhausted = this.#read('listExhausted')
  readonly skipDelivery = this.#write('skipDelivery')

  readonly resendDelivery = this.#write('resendDelivery')
  readonly countDeliveriesOfEndpoint = this.#read('countDeliveriesOfEndpoint')
  readonly countDeliveriesOfApplication = this.#read('countDeliveriesOfApplication')

  readonly createTask = this.#write('createTask')
  readonly findTask = this.#read('findTask')
  readonly listTasks = this.#read('listTasks')
  readonly findRunningTasks = this.#read('findRunningTasks')
  readonly stepReplay = this.#write('stepReplay')
  readonly finishTask = this.#write('finishTask')
  readonly cancelTask = this.#write('cancelTask')
  readonly deleteTasks = this.#write('deleteTasks')

  readonly listSigningKeys = this.#read('listSigningKeys')
  readonly createSigningKey = this.#writeTold('createSigningKey', () => null)
  readonly rotateSigningKey = this.#writeTold('rotateSigningKey', () => null)
  readonly listEncryptionKeys = this.#read('listEncryptionKeys')
  readonly offerEncryptionKey = this.#write('offerEncryptionKey')
  readonly sealWith = this.#write('sealWith')
  readonly resealSecrets = this.#write('resealSecrets')
  readonly forgetEncryptionKeys = this.#write('forgetEncryptionKeys')

  #read<K extends keyof Store>(method: K): Store[K] {
    return (async (...args: unknown[]) => this.#need(this.#reader).read({ method, args })) as Store[K]
  }

  #write<K extends keyof Store>(method: K, bytesOf?: (request: AcceptRequest) => number): Store[K] {
    return ((...args: unknown[]) =>
      this.#commit.add({ method, args }, bytesOf?.(args[0] as AcceptRequest))) as Store[K]
  }

  /** A write of which the listeners are told, with the application that it concerns. */
  #writeTold<K extends Method>(
    method: K,
    applicationIdOf: (...args: Parameters<Store[K]>) => string | null,
  ): Store[K] {
    return (async (...args: Parameters<Store[K]>) => {
      const value = await this.#commit.add({ method, args })
      this.#tellChange(applicationIdOf(...args))
      return value
    }) as Store[K]
  }

  #tellChange(applicationId: string | null): void {
    for (const listener of this.#changeListeners) listener(applicationId)
  }

  #writeAlways<K extends keyof Store>(method: K): Store[K] {
    return ((...args: unknown[]) => this.#commit.add({ method, args }, 0, false)) as Store[K]
  }

  #need(thread: DatabaseThread | null): DatabaseThread {
    if (thread === null) throw new PosthornError('busy', 'The store is not running')
    return thread
  }
}

function sizeOf(request: AcceptRequest): number {
  return request.message.payload.byteLength
}

/** One database thread, and what was asked of it. */
class DatabaseThread {
  readonly #worker: Worker
  readonly #asked = new Map<
    number,
    { resolve: (results: readonly OperationResult[]) => void; reject: (error: Error) => void }
  >()
  #lastId = 0
  #fault: Error | null = null

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Starts a thread and resolves when its database is open. @throws {PosthornError} It did not open. */
  static start(data: WorkerData, onForeignWrite: () => void): Promise<DatabaseThread> {
    // The same name in source (.ts) and in what is published (.js).
    const url = new URL(`./worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
    // What the process was started with, such as preloads and --eval, is for the program and not for this thread.
    const execArgv = process.execArgv.filter((flag) => /^--(cpu|heap)-prof/.test(flag))
    const worker = new Worker(url, { workerData: data, name: `sqlite-${data.role}`, execArgv })
    const thread = new DatabaseThread(worker)
    return new Promise((resolve, reject) => {
      worker.on('message', (response: WorkerResponse) => {
        switch (response.kind) {
          case 'ready':
            return resolve(thread)
          case 'unready':
            return reject(errorOf(response.error))
          case 'foreign-write':
            return onForeignWrite()
          case 'answer':
            thread.#asked.get(response.id)?.resolve(response.results)
            thread.#asked.delete(response.id)
        }
      })
      worker.on('error', (error) => {
        thread.#fail(error instanceof Error ? error : new Error(String(error)))
        reject(error)
      })
      worker.on('exit', () => thread.#fail(new PosthornError('busy', 'The store has stopped')))
    })
  }

  async read(operation: Operation): Promise<unknown> {
    const results = await this.#ask({ id: ++this.#lastId, kind: 'read', operation })
    const result = results[0]!
    if ('error' in result) throw errorOf(result.error as ErrorMessage)
    return result.value
  }

  async write(operations: readonly Operation[]): Promise<OperationResult[]> {
    const results = await this.#ask({ id: ++this.#lastId, kind: 'write', operations })
    return results.map((result) =>
      'error' in result ? { error: errorOf(result.error as ErrorMessage) } : result,
    )
  }

  async stop(): Promise<void> {
    if (this.#fault === null) await this.#ask({ id: ++this.#lastId, kind: 'stop' })
  }

  #ask(request: WorkerRequest): Promise<readonly OperationResult[]> {
    if (this.#fault !== null) return Promise.reject(this.#fault)
    return new Promise((resolve, reject) => {
      this.#asked.set(request.id, { resolve, reject })
      this.#worker.postMessage(request)
    })
  }

  #fail(error: Error): void {
    this.#fault = error
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
  }
}

function errorOf({ code, message, hint }: ErrorMessage): PosthornError {
  return new PosthornError(code, message, hint === undefined ? {} : { hint })
}
