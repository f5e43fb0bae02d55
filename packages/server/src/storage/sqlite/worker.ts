/**
 * The thread that owns one connection to the embedded database, so that no fsync and no slow list stops the event loop.
 * There are two: one writes, one reads.
 *
 * @module
 */

import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

import { type ErrorCode, PosthornError } from '../../domain/errors.ts'
import type { OperationResult } from '../group-commit.ts'
import { requireFinished } from '../import-refusals.ts'
import type { GivenKeys } from '../key-ring.ts'
import { type KeyedBox, secretBox } from '../secret-box.ts'
import type { Store } from '../store.ts'
import { acceptMethods } from './accepts.ts'
import { applicationMethods } from './applications.ts'
import { auditMethods } from './audit.ts'
import { claimFolder, isClaimed, openDatabase } from './database.ts'
import { deliveryMethods } from './deliveries.ts'
import { queueMethods } from './queue.ts'
import { recordMethods } from './records.ts'
import { encryptionKeyMethods, sealingKeyId, settleKeys, takeOfferedKeys } from './encryption-keys.ts'
import { endpointMethods } from './endpoints.ts'
import { exhaustedMethods } from './exhausted.ts'
import { eventTypeMethods } from './event-types.ts'
import { explanationMethods } from './explanations.ts'
import { idempotencyMethods } from './idempotency.ts'
import { findImport } from './import-state.ts'
import { messageMethods } from './messages.ts'
import { purgeMethods } from './access-purge.ts'
import { retentionMethods } from './retention.ts'
import { searchMethods } from './search.ts'
import { replayMethods } from './replays.ts'
import { signingKeyMethods } from './signing-keys.ts'
import { taskMethods } from './tasks.ts'
import { tokenMethods } from './tokens.ts'

/** What a thread is started with. */
export interface WorkerData {
  readonly path: string
  readonly role: 'writer' | 'reader'
  /** The writer claims the folder: only a server does, not the CLI beside it. */
  readonly isExclusive: boolean
  readonly encryptionKey: Uint8Array | GivenKeys
  /** How often the writer looks for the writes of other processes, in milliseconds. */
  readonly foreignWritePollMs: number
}

/** A call of a store's method. */
export interface Operation {
  readonly method: keyof Store
  readonly args: readonly unknown[]
}

/** What a thread is asked: `read` runs one call, `write` runs all in one transaction. */
export type WorkerRequest =
  | { readonly id: number; readonly kind: 'read'; readonly operation: Operation }
  | { readonly id: number; readonly kind: 'write'; readonly operations: readonly Operation[] }
  | { readonly id: number; readonly kind: 'stop' }

/** A refusal or fault as it crosses the thread's border. */
export interface ErrorMessage {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string | undefined
}

/** A thread's answer, or its word that another process wrote. */
export type WorkerResponse =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unready'; readonly error: ErrorMessage }
  | { readonly kind: 'answer'; readonly id: number; readonly results: readonly OperationResult[] }
  | { readonly kind: 'foreign-write' }

type Method = (...args: readonly unknown[]) => unknown

function main(data: WorkerData): void {
  const port = parentPort!
  const post = (response: WorkerResponse) => port.postMessage(response)
  let claim: DatabaseSync | undefined
  let box: KeyedBox
  let database: DatabaseSync
  try {
    if (data.isExclusive) claim = claimFolder(data.path)
    database = openDatabase(data.path)
    box = secretBox(data.encryptionKey, sealingKeyId(database))
    if (data.role === 'writer') requireFinished(findImport(database))
    if (data.role === 'writer') settleKeys(database, box, { isServer: data.isExclusive })
  } catch (error) {
    // Now, not when the thread has gone: who reads the refusal may try again at once.
    claim?.close()
    post({ kind: 'unready', error: messageOf(error) })
    return
  }
  const methods = methodsOf(database, box, () => claim === undefined && isClaimed(data.path))
  const onForeignWrite = () => {
    if (data.isExclusive) takeOfferedKeys(database, box)
    post({ kind: 'foreign-write' })
  }
  const stopWatch =
    data.role === 'writer' ? watch(database, data.foreignWritePollMs, onForeignWrite) : () => {}

  port.on('message', (request: WorkerRequest) => {
    switch (request.kind) {
      case 'read':
        return post({ kind: 'answer', id: request.id, results: [call(methods, request.operation)] })
      case 'write':
        return post({ kind: 'answer', id: request.id, results: write(database, methods, request.operations) })
      case 'stop':
        stopWatch()
        database.close()
        claim?.close()
        post({ kind: 'answer', id: request.id, results: [] })
        return port.close()
    }
  })
  post({ kind: 'ready' })
}

function methodsOf(
  database: DatabaseSync,
  box: KeyedBox,
  isServedByAnother: () => boolean,
): Readonly<Record<string, Method>> {
  const methods: object = {
    ...tokenMethods(database),
    ...idempotencyMethods(database, box),
    ...auditMethods(database),
    ...purgeMethods(database),
    ...applicationMethods(database),
    ...endpointMethods(database, box),
    ...eventTypeMethods(database),
    ...messageMethods(database),
    ...explanationMethods(database),
    ...retentionMethods(database),
    ...searchMethods(database),
    ...acceptMethods(database),
    ...queueMethods(database),
    ...recordMethods(database),
    ...deliveryMethods(database, box),
    ...exhaustedMethods(database),
    ...replayMethods(database, box),
    ...taskMethods(database),
    ...encryptionKeyMethods(database, box, isServedByAnother),
    ...signingKeyMethods(database, box),
  }
  return methods as Record<string, Method>
}

function call(methods: Readonly<Record<string, Method>>, { method, args }: Operation): OperationResult {
  try {
    return { value: methods[method]!(...args) }
  } catch (error) {
    return { error: messageOf(error) }
  }
}

/**
 * Runs operations in one transaction. A refusal comes before its operation has written anything, so the others commit.
 * A fault undoes the transaction, and each operation then runs in one of its own, so that only those at fault fail.
 */
function write(
  database: DatabaseSync,
  methods: Readonly<Record<string, Method>>,
  operations: readonly Operation[],
): OperationResult[] {
  try {
    return transaction(database, methods, operations)
  } catch (fault) {
    if (operations.length === 1) return [{ error: messageOf(fault) }]
    return operations.flatMap((operation) => write(database, methods, [operation]))
  }
}

function transaction(
  database: DatabaseSync,
  methods: Readonly<Record<string, Method>>,
  operations: readonly Operation[],
): OperationResult[] {
  database.exec('BEGIN IMMEDIATE')
  try {
    const results = operations.map(({ method, args }): OperationResult => {
      try {
        return { value: methods[method]!(...args) }
      } catch (error) {
        if (error instanceof PosthornError) return { error: messageOf(error) }
        throw error
      }
    })
    database.exec('COMMIT')
    return results
  } catch (error) {
    // SQLite itself rolls back on some faults (disk full, I/O), and then there is nothing left to undo.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Tells of commits by other processes: `data_version` changes for those, and not for this connection's own. */
function watch(database: DatabaseSync, everyMs: number, onForeignWrite: () => void): () => void {
  const statement = database.prepare('PRAGMA data_version')
  const version = () => statement.get()!['data_version']
  let seen = version()
  const timer = setInterval(() => {
    const current = version()
    if (current === seen) return
    seen = current
    onForeignWrite()
  }, everyMs)
  return () => clearInterval(timer)
}

function messageOf(error: unknown): ErrorMessage {
  if (error instanceof PosthornError) return { code: error.code, message: error.message, hint: error.hint }
  return {
    code: 'internal',
    message: error instanceof Error ? error.message : String(error),
    hint: undefined,
  }
}

main(workerData as WorkerData)
