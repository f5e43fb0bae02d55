/** Every option of the server: its name, default, meaning and check, in one table. @module */

import { type AddressList, parseAddressList } from './delivery/address.ts'
import { type HostList, parseHostList } from './delivery/host-list.ts'
import { PosthornError } from './domain/errors.ts'
import { OWNERSHIP_CHECKS, type OwnershipCheck } from './domain/ownership.ts'
import { STANDARD_SCHEDULE } from './domain/retry.ts'
import { parseDuration, showDuration } from './duration.ts'
import { parseKeys } from './storage/key-ring.ts'

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

/** How one option is given and read. */
export interface OptionSpec<Value = unknown> {
  /** Kebab-case: `--name` as a flag, `POSTHORN_NAME` in the environment, `"name"` in the file. */
  readonly name: string
  /** How its value is written in help; `null` for a switch. */
  readonly value: string | null
  /** The default as it would be written. */
  readonly shown: string
  readonly help: string
  /** Only in the environment: a flag or file would show a secret. */
  readonly isSecret?: boolean
  /** Tells whether a value holds a secret, although most do not: then a flag is refused, and it is never shown. */
  readonly holdsSecret?: (text: string) => boolean
  /** Returns the value, or says what would be right. */
  readonly parse: (text: string) => Value | Wrong
}

/** What would be right in the place of a wrong value. */
class Wrong {
  readonly expected: string
  constructor(expected: string) {
    this.expected = expected
  }
}

const SHORTEST_TOKEN = 16
const LONGEST_ATTEMPT_MS = 120_000
const SHORTEST_JWT_SECRET = 32
const MOST_CALLS = 1_000_000
const MOST_CONNECTIONS = 200
const MOST_WORKERS = 64
const SHORTEST_SILENCE_MS = 3_000
const LONGEST_SILENCE_MS = 300_000
const SHORTEST_STATEMENT_MS = 1_000
const LONGEST_STATEMENT_MS = 3_600_000
const LONGEST_WAIT_MS = 30 * 86_400_000
const MOST_RETRIES = 50
const SHORTEST_FAILING_MS = 1_000
const SHORTEST_RETENTION_MS = 3_600_000

/** All options, in the order in which help and `docs/configuration.md` show them. */
export const OPTION_SPECS: { readonly [K in keyof Options]: OptionSpec<Options[K]> } = {
  host: {
    name: 'host',
    value: '<address>',
    shown: DEFAULTS.host,
    help: 'Address to listen on; 0.0.0.0 for all of IPv4',
    parse: (text) => (/^[\w.:-]+$/.test(text) ? text : new Wrong('an address or name, such as 127.0.0.1')),
  },
  port: {
    name: 'port',
    value: '<number>',
    shown: String(DEFAULTS.port),
    help: 'Port to listen on; 0 for any that is free',
    parse: (text) =>
      /^\d{1,5}$/.test(text) && Number(text) <= 65_535
        ? Number(text)
        : new Wrong('a whole number from 0 to 65535'),
  },
  data: {
    name: 'data',
    value: '<folder>',
    shown: DEFAULTS.data,
    help: 'Folder of the embedded database and the keys; made if it is not there',
    parse: (text) => (text.trim() === '' ? new Wrong('the path of a folder') : text),
  },
  encryptionKeys: {
    name: 'encryption-key',
    value: '<key>',
    shown: '',
    help: 'Key that secrets in the database are encrypted with: 32 bytes in base64; without it, that of the file. Of several, joined by commas, the first encrypts and all decrypt',
    isSecret: true,
    parse: (text) =>
      parseKeys(text) ?? new Wrong('32 random bytes in base64, as openssl rand -base64 32 makes them'),
  },
  encryptionKeyFile: {
    name: 'encryption-key-file',
    value: '<path>',
    shown: '',
    help: 'File of that key; without it, encryption.key in the data folder, made at the first start',
    parse: (text) => (text.trim() === '' ? new Wrong('the path of a file') : text),
  },
  database: {
    name: 'database',
    value: '<url>',
    shown: 'sqlite',
    help: 'The database: "sqlite" is the embedded one, in the data folder; a postgres:// URL is PostgreSQL, also how TLS is used (?sslmode=verify-full). One with a password is not taken as a flag, which others can see',
    holdsSecret: (text) => /:[^/@]*@|[?&]password=/i.test(text),
    parse(text) {
      if (text === 'sqlite') return null
      const url = URL.parse(text)
      const isRight = url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.pathname.length > 1
      return isRight ? url : new Wrong('"sqlite" or a URL such as postgres://posthorn@db.example/posthorn')
    },
  },
  databaseSchema: {
    name: 'database-schema',
    value: '<name>',
    shown: DEFAULTS.databaseSchema,
    help: "Schema of Posthorn's tables in PostgreSQL; made if it is not there",
    parse: (text) =>
      /^[a-z_][a-z0-9_]{0,62}$/.test(text)
        ? text
        : new Wrong('a name of lower-case letters, digits and underscores, not a digit first, 63 at most'),
  },
  databasePool: {
    name: 'database-pool',
    value: '<number>',
    shown: String(DEFAULTS.databasePool),
    help: 'Connections of each process to PostgreSQL for reads and settings; 5 more are for messages, attempts and word from other nodes',
    parse: (text) =>
      /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_CONNECTIONS
        ? Number(text)
        : new Wrong(`a whole number from 1 to ${MOST_CONNECTIONS}`),
  },
  databaseTimeoutMs: {
    name: 'database-timeout',
    value: '<duration>',
    shown: '30s',
    help: 'PostgreSQL ends a statement that takes longer',
    parse(text) {
      const ms = parseDuration(text)
      const isRight = ms !== null && ms >= SHORTEST_STATEMENT_MS && ms <= LONGEST_STATEMENT_MS
      return isRight ? ms : new Wrong('a duration from 1s to 1h, such as 30s')
    },
  },
  nodeTimeoutMs: {
    name: 'node-timeout',
    value: '<duration>',
    shown: '10s',
    help: 'Silence after which a node of the cluster is taken for dead, and others take over what it held. The same for all nodes',
    parse(text) {
      const ms = parseDuration(text)
      const isRight = ms !== null && ms >= SHORTEST_SILENCE_MS && ms <= LONGEST_SILENCE_MS
      return isRight ? ms : new Wrong('a duration from 3s to 5m, such as 10s')
    },
  },
  workers: {
    name: 'workers',
    value: '<number>',
    shown: String(DEFAULTS.workers),
    help: 'Processes that share the port, each a node of the cluster; more than 1 with PostgreSQL only',
    parse: (text) =>
      /^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_WORKERS
        ? Number(text)
        : new Wrong(`a whole number from 1 to ${MOST_WORKERS}`),
  },
  dev: {
    name: 'dev',
    value: null,
    shown: String(DEFAULTS.dev),
    help: 'For development: allows receivers on this machine, and plain http',
    parse: parseSwitch,
  },
  allowHttp: {
    name: 'allow-http',
    value: null,
    shown: String(DEFAULTS.allowHttp),
    help: 'Allows endpoints with plain http URLs',
    parse: parseSwitch,
  },
  allowAddresses: {
    name: 'allow-addresses',
    value: '<ranges>',
    shown: '',
    help: 'Addresses beyond public ones that deliveries may reach, such as 10.0.0.0/8,fd00::/8',
    parse: parseRanges,
  },
  denyAddresses: {
    name: 'deny-addresses',
    value: '<ranges>',
    shown: '',
    help: 'Addresses that deliveries never reach; counts more than what is allowed',
    parse: parseRanges,
  },
  allowPorts: {
    name: 'allow-ports',
    value: '<numbers>',
    shown: '',
    help: 'The only ports that endpoints may have, such as 443,8443; without it, all',
    parse(text) {
      const parts = text.split(',').map((part) => part.trim())
      const areRight = parts.every(
        (part) => /^\d{1,5}$/.test(part) && Number(part) >= 1 && Number(part) <= 65_535,
      )
      return areRight
        ? parts.map(Number)
        : new Wrong('whole numbers from 1 to 65535 joined by commas, such as 443,8443')
    },
  },
  allowHosts: {
    name: 'allow-hosts',
    value: '<names>',
    shown: '',
    help: 'The only hosts that endpoints may have, such as hooks.example.com,*.partner.example; without it, all',
    parse: parseHosts,
  },
  denyHosts: {
    name: 'deny-hosts',
    value: '<names>',
    shown: '',
    help: 'Hosts that endpoints may not have, such as *.internal.example; counts more than what is allowed',
    parse: parseHosts,
  },
  proxy: {
    name: 'proxy',
    value: '<url>',
    shown: '',
    help: 'Egress proxy that deliveries go through: http, https or socks5, with user and password where it asks for them. Addresses are checked before it',
    // Its URL may hold a password.
    isSecret: true,
    parse(text) {
      const url = URL.parse(text)
      const isRight = url !== null && /^(http|https|socks5):$/.test(url.protocol) && url.hostname !== ''
      return isRight
        ? url
        : new Wrong('a URL such as http://proxy.example:3128 or socks5://user:password@proxy.example:1080')
    },
  },
  tlsMinVersion: {
    name: 'tls-min-version',
    value: '<version>',
    shown: '1.2',
    help: 'Oldest version of TLS that is spoken to endpoints: 1.2 or 1.3',
    parse: (text) => (text === '1.2' || text === '1.3' ? (`TLSv${text}` as const) : new Wrong('1.2 or 1.3')),
  },
  tlsCaFile: {
    name: 'tls-ca-file',
    value: '<path>',
    shown: '',
    help: 'PEM file of authorities whose certificates are trusted beside the usual ones, for private receivers and the egress proxy',
    parse: (text) => (text.trim() === '' ? new Wrong('the path of a file') : text),
  },
  egressAddresses: {
    name: 'egress-addresses',
    value: '<ranges>',
    shown: '',
    help: 'Addresses that deliveries come from, which GET /api/v1/egress tells consumers to admit',
    parse: parseRanges,
  },
  attemptTimeoutMs: {
    name: 'attempt-timeout',
    value: '<duration>',
    shown: '15s',
    help: 'Deadline of one delivery attempt: connection, sending and the whole response',
    parse(text) {
      const ms = parseDuration(text)
      const isRight = ms !== null && ms >= 100 && ms <= LONGEST_ATTEMPT_MS
      return isRight ? ms : new Wrong('a duration from 100ms to 2m, such as 15s')
    },
  },
  retryScheduleMs: {
    name: 'retry-schedule',
    value: '<durations>',
    shown: STANDARD_SCHEDULE.map(showDuration).join(','),
    help: 'Waits before the first retry, the second and so on, joined by commas; "none" for no retry',
    parse(text) {
      if (text.trim() === 'none') return []
      const waits = text.split(',').map((part) => parseDuration(part.trim()))
      const areRight = waits.every((ms) => ms !== null && ms >= 1 && ms <= LONGEST_WAIT_MS)
      return areRight && waits.length <= MOST_RETRIES
        ? (waits as number[])
        : new Wrong(`up to ${MOST_RETRIES} durations from 1ms to 30d, such as 5s,5m,30m,2h, or "none"`)
    },
  },
  disableAfterMs: {
    name: 'disable-after',
    value: '<duration>',
    shown: '5d',
    help: 'How long an endpoint may do nothing but fail before it is disabled; "never" leaves it enabled',
    parse(text) {
      if (text.trim() === 'never') return null
      const ms = parseDuration(text)
      return ms !== null && ms >= SHORTEST_FAILING_MS
        ? ms
        : new Wrong('a duration from 1s on, such as 5d, or "never"')
    },
  },
  verifyEndpoints: {
    name: 'verify-endpoints',
    value: '<how>',
    shown: DEFAULTS.verifyEndpoints,
    help: 'Asks the owner of a new endpoint whether it wants to be called, before anything is delivered: by "challenge", by "cloudevents" (its handshake, with the host of --public-url), or "off"',
    parse: (text) =>
      OWNERSHIP_CHECKS.find((check) => check === text) ?? new Wrong(`one of ${OWNERSHIP_CHECKS.join(', ')}`),
  },
  svixHeaders: {
    name: 'svix-headers',
    value: null,
    shown: String(DEFAULTS.svixHeaders),
    help: 'Sends svix-id, svix-timestamp and svix-signature beside the webhook-* headers',
    parse: parseSwitch,
  },
  retentionMs: {
    name: 'retention',
    value: '<duration>',
    shown: '90d',
    help: 'Age at which messages are deleted, with their deliveries and attempts; "forever" keeps them',
    parse(text) {
      if (text.trim() === 'forever') return null
      const ms = parseDuration(text)
      return ms !== null && ms >= SHORTEST_RETENTION_MS
        ? ms
        : new Wrong('a duration from 1h on, such as 90d, or "forever"')
    },
  },
  strictEventTypes: {
    name: 'strict-event-types',
    value: null,
    shown: String(DEFAULTS.strictEventTypes),
    help: 'Refuses messages whose event type is unknown or archived, or whose payload does not fit its schema',
    parse: parseSwitch,
  },
  apiRatePerSecond: {
    name: 'api-rate-limit',
    value: '<rate>',
    shown: 'off',
    help: 'Calls of the API that one token may make, such as 100/s; beyond that it is answered 429',
    parse(text) {
      if (text === 'off') return null
      const calls = Number(/^(\d{1,7})\/s$/.exec(text)?.[1])
      return calls >= 1 && calls <= MOST_CALLS
        ? calls
        : new Wrong(`a whole number from 1 to ${MOST_CALLS} and "/s", such as 100/s, or "off"`)
    },
  },
  corsOrigins: {
    name: 'cors-origins',
    value: '<origins>',
    shown: '',
    help: 'Origins whose pages may call the API, joined by commas; * for all',
    parse(text) {
      const origins = text === '' ? [] : text.split(',').map((part) => part.trim())
      const areRight = origins.every((origin) => origin === '*' || originOf(origin) === origin)
      return areRight ? origins : new Wrong('origins such as https://app.example.com, joined by commas, or *')
    },
  },
  publicUrl: {
    name: 'public-url',
    value: '<url>',
    shown: '',
    help: 'Where the world reaches this server, for the links to the portal and the sources of CloudEvents that it makes; by default where the caller did',
    parse(text) {
      if (text === '') return null
      const isRight = originOf(text) !== null && !/[?#]/.test(text)
      return isRight
        ? text.replace(/\/+$/, '')
        : new Wrong('an http or https URL, such as https://hooks.example.com')
    },
  },
  logLevel: {
    name: 'log-level',
    value: '<level>',
    shown: DEFAULTS.logLevel,
    help: `Least urgent level that is logged: ${LOG_LEVELS.join(', ')}`,
    parse: (text) =>
      LOG_LEVELS.find((level) => level === text) ?? new Wrong(`one of ${LOG_LEVELS.join(', ')}`),
  },
  jwtSecret: {
    name: 'jwt-secret',
    value: '<secret>',
    shown: '',
    help: 'Secret of the JWTs (HS256, as a self-hosted Svix makes them) that are accepted as tokens, or several, joined by commas; without it, none are',
    isSecret: true,
    parse(text) {
      const secrets = text.split(',').map((secret) => secret.trim())
      const areRight = secrets.every((secret) => secret.length >= SHORTEST_JWT_SECRET)
      return areRight
        ? secrets
        : new Wrong(`at least ${SHORTEST_JWT_SECRET} characters each: whoever finds it makes tokens`)
    },
  },
  bootstrapToken: {
    name: 'bootstrap-token',
    value: '<token>',
    shown: '',
    help: 'Becomes the token of the organisation in a new database, for containers and scripts',
    isSecret: true,
    parse: (text) =>
      text.length >= SHORTEST_TOKEN && /^[\x21-\x7e]+$/.test(text)
        ? text
        : new Wrong(`at least ${SHORTEST_TOKEN} printable ASCII characters without spaces`),
  },
}

/** Values as they were given, by kebab-case name. */
export type GivenOptions = Readonly<Record<string, unknown>>

/** Where options come from; what is earlier here counts more. */
export interface OptionSources {
  /** By {@link codeName}, from an application that Posthorn is embedded in. */
  readonly code?: GivenOptions
  readonly flags?: GivenOptions
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly path: string; readonly values: GivenOptions }
}

/** Returns the name of an option in the environment: `POSTHORN_ATTEMPT_TIMEOUT`. */
export function environmentName(name: string): string {
  return `POSTHORN_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Returns the name of an option in code: `attemptTimeout`. */
export function codeName(name: string): string {
  return name.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())
}

/**
 * Returns the options, resolved and frozen: code before a flag before the environment before the file before the default.
 *
 * @throws {PosthornError} `bad_config`: names the option, the value and what would be right.
 */
export function resolveOptions({ code = {}, flags = {}, environment = {}, file }: OptionSources): Options {
  if (file !== undefined) refuseUnknown(file)
  const resolved = Object.entries(OPTION_SPECS).map(([key, spec]) => {
    const [from, given] =
      code[codeName(spec.name)] !== undefined
        ? [codeName(spec.name), code[codeName(spec.name)]]
        : flags[spec.name] !== undefined
          ? [`--${spec.name}`, flags[spec.name]]
          : environment[environmentName(spec.name)] !== undefined
            ? [environmentName(spec.name), environment[environmentName(spec.name)]]
            : [`"${spec.name}" in ${file?.path}`, file?.values[spec.name]]
    if (given === undefined) return [key, DEFAULTS[key as keyof Options]]

    const text = textOf(given)
    const isSecret = spec.isSecret === true || spec.holdsSecret?.(text) === true
    if (isSecret && from.startsWith('--')) {
      throw new PosthornError('bad_config', `${from}: the value holds a password, and others can see flags`, {
        hint: `Give it as ${environmentName(spec.name)} or in the file`,
      })
    }
    const value = spec.parse(text)
    if (value instanceof Wrong) {
      const shown = isSecret ? 'the value' : JSON.stringify(text)
      throw new PosthornError('bad_config', `${from}: ${shown} is not right`, {
        hint: `Give ${value.expected}`,
      })
    }
    return [key, value]
  })
  return Object.freeze(Object.fromEntries(resolved)) as Options
}

function refuseUnknown({ path, values }: { path: string; values: GivenOptions }): void {
  const known = Object.values(OPTION_SPECS).filter((spec) => spec.isSecret !== true)
  for (const name of Object.keys(values)) {
    if (known.some((spec) => spec.name === name)) continue
    throw new PosthornError('bad_config', `"${name}" in ${path} is no option`, {
      hint: `There are ${known.map((spec) => spec.name).join(', ')}`,
    })
  }
}

/** A file may give a number, a truth value or a list where a flag has text. */
function textOf(given: unknown): string {
  return Array.isArray(given)
    ? given.map(textOf).join(',')
    : typeof given === 'string'
      ? given
      : JSON.stringify(given)
}

/** Returns the origin of an http or https URL, or `null`. */
function originOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && /^https?:$/.test(url.protocol) ? url.origin : null
}

function parseRanges(text: string): AddressList | Wrong {
  return parseAddressList(text) ?? new Wrong('addresses or ranges joined by commas, such as 10.0.0.0/8')
}

function parseHosts(text: string): HostList | Wrong {
  return (
    parseHostList(text) ?? new Wrong('names joined by commas, such as hooks.example.com or *.partner.example')
  )
}

function parseSwitch(text: string): boolean | Wrong {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  return new Wrong('true or false')
}
