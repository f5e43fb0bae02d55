/**
 * The store's port: what Posthorn needs of a database, in its own terms. The adapters are held to it by one
 * conformance suite (`test/storage/conformance.ts`).
 *
 * Rules for every method: instants are epoch milliseconds passed in, never the database's clock; a thing of another
 * organisation or application is not found; `null` means not found; a write that returns is on disk.
 * A method is in the file of its concern in `port/`, with its contract and its types.
 *
 * @module
 */

import type { AcceptStore } from './port/accepts.ts'
import type { ApplicationStore } from './port/applications.ts'
import type { AttemptStore } from './port/attempts.ts'
import type { AuditStore } from './port/audit.ts'
import type { DeliveryStore } from './port/deliveries.ts'
import type { EncryptionKeyStore } from './port/encryption-keys.ts'
import type { EndpointStore } from './port/endpoints.ts'
import type { EventTypeStore } from './port/event-types.ts'
import type { IdempotencyStore } from './port/idempotency.ts'
import type { MessageStore } from './port/messages.ts'
import type { NodeStore } from './port/nodes.ts'
import type { Outbox } from './port/outbox.ts'
import type { QueueStore } from './port/queue.ts'
import type { RetentionStore } from './port/retention.ts'
import type { SigningKeyStore } from './port/signing-keys.ts'
import type { TaskStore } from './port/tasks.ts'
import type { TokenStore } from './port/tokens.ts'

/** The database, as Posthorn sees it. */
export interface Store
  extends
    TokenStore,
    IdempotencyStore,
    AuditStore,
    ApplicationStore,
    EndpointStore,
    EventTypeStore,
    AcceptStore,
    MessageStore,
    AttemptStore,
    DeliveryStore,
    QueueStore,
    NodeStore,
    TaskStore,
    RetentionStore,
    SigningKeyStore,
    EncryptionKeyStore {
  /** Absent where applications cannot share the database. */
  readonly outbox?: Outbox
  /**
   * Opens the database, brings its schema up to date and tries the key on what is stored.
   *
   * @throws {PosthornError} `data_in_use`, `data_unreadable`, `bad_key`.
   */
  start(): Promise<void>
  /** Finishes what was asked for, then closes. Calls after that are refused. */
  stop(): Promise<void>
  /**
   * Calls the listener with the application whose settings or endpoints were written, before the write is answered;
   * with `null` where anything may have changed, as when another process wrote, a token was revoked or an event type was
   * written.
   */
  onChange(listener: (applicationId: string | null) => void): void
}
