/** Options of where the server listens and where its data is. @module */

import { parseDuration } from '../duration.ts'
import { DEFAULTS } from '../options.ts'
import { parseKeys } from '../storage/key-ring.ts'
import { type OptionSpecs, Wrong } from './spec.ts'

const MOST_CONNECTIONS = 200
const MOST_WORKERS = 64
const SHORTEST_SILENCE_MS = 3_000
const LONGEST_SILENCE_MS = 300_000
const SHORTEST_STATEMENT_MS = 1_000
const LONGEST_STATEMENT_MS = 3_600_000

/** Where the server listens, what it keeps its data in and who shares it. */
export const SERVER_SPECS = {
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
} satisfies Partial<OptionSpecs>
