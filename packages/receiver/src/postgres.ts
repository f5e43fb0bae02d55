/** The stores in PostgreSQL. @module */

export type { PostgresClient, PostgresPool, PostgresQueryable } from './stores/postgres-client.ts'
export {
  dedupeTable,
  postgresDedupe,
  postgresTransaction,
  type PostgresDedupeOptions,
} from './stores/postgres-dedupe.ts'
export {
  inboxTable,
  postgresInbox,
  postgresTransactionInbox,
  type PostgresInboxOptions,
} from './stores/postgres-inbox.ts'
