/** Options of how messages are delivered and how long they are kept. @module */

import { OWNERSHIP_CHECKS } from '../domain/ownership.ts'
import { STANDARD_SCHEDULE } from '../domain/retry.ts'
import { parseDuration, showDuration } from '../duration.ts'
import { DEFAULTS } from '../options.ts'
import { parseSwitch } from './parse.ts'
import { type OptionSpecs, Wrong } from './spec.ts'

const LONGEST_ATTEMPT_MS = 120_000
const LONGEST_WAIT_MS = 30 * 86_400_000
const MOST_RETRIES = 50
const SHORTEST_FAILING_MS = 1_000
const SHORTEST_RETENTION_MS = 3_600_000

/** How messages are taken and delivered, and how long they are kept. */
export const DELIVERY_SPECS = {
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
} satisfies Partial<OptionSpecs>
