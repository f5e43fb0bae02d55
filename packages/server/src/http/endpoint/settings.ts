/** The forms of how deliveries to an endpoint are made. @module */

import { type Static, Type } from 'typebox'

import { DEFAULT_SETTINGS, type EndpointSettings, SETTING_LIMITS } from '../../domain/endpoint-settings.ts'
import { Maybe, Nullable, RetrySchedule, bodyFault, scheduleMsOf, showSchedule } from '../schemas.ts'

/** Whether messages may overtake each other. */
export const Ordering = Type.Enum(['none', 'fifo'], {
  description:
    '`fifo`: strictly in the order of acceptance, one at a time; a message that fails holds those behind it until it ' +
    'succeeds, is exhausted or is skipped.',
})

/** What a batch or a concurrency has of which only the bound is given. */
const DEFAULT_WAIT_MS = 1_000
const DEFAULT_MIN = 1

const Batch = Type.Object(
  {
    maxEvents: Type.Integer({
      minimum: 2,
      maximum: SETTING_LIMITS.batchEvents,
      description: 'Events in one request, at most.',
    }),
    maxWaitMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: SETTING_LIMITS.batchWaitMs,
        default: DEFAULT_WAIT_MS,
        description: 'Milliseconds that the first event waits for others.',
      }),
    ),
  },
  {
    description:
      'Several events in one request: a JSON array of at most `maxEvents`, sent when it is full or its first event has ' +
      'waited `maxWaitMs`.',
  },
)

const Concurrency = Type.Object(
  {
    min: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: SETTING_LIMITS.concurrency,
        default: DEFAULT_MIN,
        description: 'What stalls and throttling leave it at the least.',
      }),
    ),
    max: Type.Integer({
      minimum: 1,
      maximum: SETTING_LIMITS.concurrency,
      description: 'Not less than `min`.',
    }),
  },
  {
    description:
      'Attempts under way at a time: at most `max`, and no fewer than `min` when the endpoint stalls or throttles.',
  },
)

const PayloadMode = Type.Enum(['as-is', 'cloudevents-binary', 'cloudevents-structured'], {
  description: 'Whether the payload is sent as it was accepted, or as a CloudEvent.',
})

const Signatures = Type.Array(Type.Enum(['v1', 'v1a', 'rfc9421']), {
  minItems: 1,
  maxItems: 3,
  uniqueItems: true,
  description:
    "What each request is signed with: `v1` with the endpoint's secret, `v1a` and `rfc9421` with the key of the server.",
})

/** The settings as they are given: an absent one stays, `null` goes back to the default. */
export const SettingsIn = {
  ordering: Maybe(Ordering),
  batch: Maybe(Batch),
  concurrency: Maybe(Concurrency),
  retrySchedule: Maybe(RetrySchedule),
  payloadMode: Maybe(PayloadMode),
  signatures: Maybe(Signatures),
}

/** The settings as they are shown. */
export const SettingsOut = {
  ordering: Ordering,
  batch: Nullable(Batch),
  concurrency: Nullable(Concurrency),
  retrySchedule: Nullable(RetrySchedule),
  payloadMode: PayloadMode,
  signatures: Signatures,
  allowedPerMinute: Nullable(
    Type.Integer({
      description: 'Requests a minute that its owner allowed when it was asked; null for any number.',
    }),
  ),
}

const In = Type.Object(SettingsIn)
const Out = Type.Object(SettingsOut)

/** Returns the settings that the input names. @throws {ValidationError} Bounds are the wrong way round. */
export function settingsOf(input: Static<typeof In>): Partial<EndpointSettings> {
  const { ordering, batch, concurrency, retrySchedule, payloadMode, signatures } = input
  if (concurrency && (concurrency.min ?? DEFAULT_MIN) > concurrency.max) {
    throw bodyFault('concurrency', 'min must not be more than max')
  }
  return {
    ...(ordering === undefined ? {} : { ordering: ordering ?? DEFAULT_SETTINGS.ordering }),
    ...(batch === undefined ? {} : { batch: batch && { maxWaitMs: DEFAULT_WAIT_MS, ...batch } }),
    ...(concurrency === undefined
      ? {}
      : { concurrency: concurrency && { min: DEFAULT_MIN, ...concurrency } }),
    ...(retrySchedule === undefined ? {} : { retryScheduleMs: scheduleMsOf(retrySchedule) }),
    ...(payloadMode === undefined ? {} : { payloadMode: payloadMode ?? DEFAULT_SETTINGS.payloadMode }),
    ...(signatures === undefined ? {} : { signatures: signatures ?? DEFAULT_SETTINGS.signatures }),
  }
}

/** Checks settings that were given one by one. @throws {ValidationError} */
export function checkSettings({ batch, payloadMode }: EndpointSettings): void {
  if (batch === null || payloadMode !== 'cloudevents-binary') return
  throw bodyFault(
    'payloadMode',
    'cloudevents-binary has one event in a request: with batch give as-is or cloudevents-structured',
  )
}

/** Shows settings. */
export function showSettings(settings: EndpointSettings): Static<typeof Out> {
  const { retryScheduleMs, signatures, batch, concurrency, ...plain } = settings
  return {
    ...plain,
    batch: batch === null ? null : { ...batch },
    concurrency: concurrency === null ? null : { ...concurrency },
    retrySchedule: showSchedule(retryScheduleMs),
    signatures: [...signatures],
  }
}
