/** Options of the API and the log. @module */

import { DEFAULTS, LOG_LEVELS } from '../options.ts'
import { originOf } from './parse.ts'
import { type OptionSpecs, Wrong } from './spec.ts'

const SHORTEST_TOKEN = 16
const SHORTEST_JWT_SECRET = 32
const MOST_CALLS = 1_000_000

/** Who may call the API and how often, how it is reached, and what is logged. */
export const API_SPECS = {
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
} satisfies Partial<OptionSpecs>
