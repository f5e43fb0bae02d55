/**
 * What the server can be told, and what it does where it is told nothing. How each is given and read is in
 * `options/table.ts`.
 *
 * @module
 */

import type { AddressList } from './delivery/address.ts'
import type { HostList } from './delivery/host-list.ts'
import type { OwnershipCheck } from './domain/ownership.ts'
import { STANDARD_SCHEDULE } from './domain/retry.ts'

/** The server's options, each with its unit in its name. */
export interface Options {
  readonly host: string
  readonly port: number
  /** Folder of the database and the keys. */
  readonly data: string
  /** Keys that secrets are encrypted with: the first seals, all open. `null`: those of the file. */
  readonly encryptionKeys: readonly Uint8Array[] | null
  /** File of the keys; `null` for `encryption.key` in the data folder. */
  readonly encryptionKeyFile: string | null
  /** Where PostgreSQL is; `null` for the embedded database. */
  readonly database: URL | null
  /** Schema of Posthorn's tables in PostgreSQL. */
  readonly databaseSchema: string
  /** Connections to PostgreSQL for reads and settings. */
  readonly databasePool: number
  /** PostgreSQL ends a statement that takes longer. */
  readonly databaseTimeoutMs: number
  /** Silence after which a node of the cluster is taken for dead. */
  readonly nodeTimeoutMs: number
  /** Processes that share the port. */
  readonly workers: number
  readonly dev: boolean
  readonly allowHttp: boolean
  /** Ranges beyond public addresses that deliveries may reach. */
  readonly allowAddresses: AddressList | null
  /** Ranges that deliveries never reach. */
  readonly denyAddresses: AddressList | null
  /** The only ports that deliveries go to; `null` for all. */
  readonly allowPorts: readonly number[] | null
  /** The only hosts that deliveries go to; `null` for all. */
  readonly allowHosts: HostList | null
  /** Hosts that deliveries never go to. */
  readonly denyHosts: HostList | null
  /** Proxy that deliveries go through; `null` for none. */
  readonly proxy: URL | null
  /** Oldest version of TLS that is spoken to endpoints. */
  readonly tlsMinVersion: 'TLSv1.2' | 'TLSv1.3'
  /** File of authorities that are trusted beside the usual ones; `null` for none. */
  readonly tlsCaFile: string | null
  /** Addresses that deliveries come from, as consumers are told; `null` where nobody said. */
  readonly egressAddresses: AddressList | null
  readonly attemptTimeoutMs: number
  /** Waits before the first retry, the second and so on. */
  readonly retryScheduleMs: readonly number[]
  /** An endpoint that does nothing but fail for longer is disabled; `null` for never. */
  readonly disableAfterMs: number | null
  /** How the owners of new endpoints are asked whether they want to be called. */
  readonly verifyEndpoints: OwnershipCheck
  readonly svixHeaders: boolean
  /** Calls of the API a second that one token may make; `null` for any number. */
  readonly apiRatePerSecond: number | null
  /** Origins whose pages may call the API; `*` for all. */
  readonly corsOrigins: readonly string[]
  /** Where the world reaches this server, without a slash at its end; `null`: where the caller did. */
  readonly publicUrl: string | null
  /** Messages and their attempts are deleted when they are older; `null` for never. */
  readonly retentionMs: number | null
  /** Refuses messages of unknown types, and payloads that do not fit their type's schema. */
  readonly strictEventTypes: boolean
  readonly logLevel: LogLevel
  /** Secrets of the JWTs that are accepted as tokens; `null` for none. */
  readonly jwtSecret: readonly string[] | null
  /** Becomes the organisation's token in a new database. */
  readonly bootstrapToken: string | null
}

/** Levels of the log, most urgent first. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
/** A level of the log. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What the server does where it is told nothing. */
export const DEFAULTS = {
  host: '127.0.0.1',
  port: 8071,
  data: './data',
  encryptionKeys: null,
  encryptionKeyFile: null,
  database: null,
  databaseSchema: 'posthorn',
  databasePool: 10,
  databaseTimeoutMs: 30_000,
  nodeTimeoutMs: 10_000,
  workers: 1,
  dev: false,
  allowHttp: false,
  allowAddresses: null,
  denyAddresses: null,
  allowPorts: null,
  allowHosts: null,
  denyHosts: null,
  proxy: null,
  tlsMinVersion: 'TLSv1.2',
  tlsCaFile: null,
  egressAddresses: null,
  attemptTimeoutMs: 15_000,
  retryScheduleMs: STANDARD_SCHEDULE,
  disableAfterMs: 5 * 86_400_000,
  verifyEndpoints: 'off',
  svixHeaders: false,
  apiRatePerSecond: null,
  corsOrigins: [],
  publicUrl: null,
  retentionMs: 90 * 86_400_000,
  strictEventTypes: false,
  logLevel: 'info',
  jwtSecret: null,
  bootstrapToken: null,
} as const satisfies Options
