/** The forms of an endpoint. @module */

import { type Static, Type } from 'typebox'

import type { Endpoint } from '../../domain/endpoint.ts'
import { type EndpointHeaders, isSensitive } from '../../domain/endpoint-headers.ts'
import {
  Channel,
  EventTypeName,
  Instant,
  Maybe,
  Metadata,
  Nullable,
  Rate,
  Uid,
  showInstant,
} from '../schemas.ts'
import { AuthIn, AuthOut, showAuth } from './auth.ts'
import { SettingsIn, SettingsOut, showSettings } from './settings.ts'

/** Event types that an endpoint wants. None is no filter: that is said by leaving the field out. */
const EventTypes = Type.Array(EventTypeName, { minItems: 1, uniqueItems: true })
const Channels = Type.Array(Channel, { minItems: 1, maxItems: 10, uniqueItems: true })
const Url = Type.String({ minLength: 1, maxLength: 65_536 })
/** Headers by name; see `faultOfHeaders` for which. */
const Headers = Type.Record(Type.String(), Type.String(), {
  description:
    'Sent with each delivery: at most 50, and 4 KiB of names and values. Those that the server sets itself, ' +
    'webhook-*, svix-* and proxy-* are refused.',
})

const Secret = Type.String({
  pattern: '^((whsec_)?[a-zA-Z0-9+/=]{32,100}|whsk_[a-zA-Z0-9+/=]{88})$',
  description:
    '`whsec_…`, which the receiver has too; or `whsk_…`, an Ed25519 key pair of its own, of which only the public half is ' +
    'ever shown.',
})

/** Fields of endpoints of every kind; without `url`, which is required of a new one and not of a change. */
const SHARED = {
  uid: Maybe(Uid),
  description: Type.Optional(Type.String()),
  disabled: Type.Optional(Type.Boolean()),
  eventTypes: Maybe(EventTypes),
  filterTypes: Maybe(EventTypes),
  throttleRate: Maybe(Rate),
  rateLimit: Maybe(Rate),
  metadata: Type.Optional(Metadata),
  headers: Maybe(Headers),
  auth: Type.Optional(AuthIn),
  ...SettingsIn,
}

/** What an endpoint is replaced by. `filterTypes` and `rateLimit` are older names of `eventTypes` and `throttleRate`. */
export const EndpointUpdate = Type.Object(
  { url: Url, channels: Maybe(Channels), ...SHARED },
  { $id: 'EndpointUpdate' },
)

/** What an endpoint is made from. */
export const EndpointIn = Type.Object(
  { url: Url, channels: Maybe(Channels), ...SHARED, secret: Maybe(Secret) },
  { $id: 'EndpointIn' },
)

/** What may change: an absent field stays as it is. */
export const EndpointPatch = Type.Object(
  { url: Type.Optional(Url), channels: Maybe(Channels), ...SHARED },
  { $id: 'EndpointPatch' },
)

/** What an endpoint for operational webhooks is replaced by. */
export const OperationalEndpointUpsertIn = Type.Object(
  { url: Url, ...SHARED },
  { $id: 'OperationalWebhookEndpointUpsertIn' },
)

/** What an endpoint for operational webhooks is made from. */
export const OperationalEndpointIn = Type.Object(
  { url: Url, ...SHARED, secret: Maybe(Secret) },
  { $id: 'OperationalWebhookEndpointIn' },
)

const OUT = {
  id: Type.String(),
  uid: Nullable(Type.String()),
  url: Type.String(),
  version: Type.Integer(),
  description: Type.String(),
  disabled: Type.Boolean(),
  eventTypes: Nullable(Type.Array(EventTypeName)),
  filterTypes: Nullable(Type.Array(EventTypeName)),
  throttleRate: Nullable(Rate),
  rateLimit: Nullable(Rate),
  metadata: Metadata,
  auth: AuthOut,
  ...SettingsOut,
  failingSince: Nullable(Instant),
  disabledReason: Nullable(
    Type.Enum(['gone', 'failing', 'unverified'], {
      description:
        'Why it is disabled, where that was not by the API: it answered 410, nothing but failures for too long, or its ' +
        'owner has not proved yet that it wants to be called.',
    }),
  ),
  createdAt: Instant,
  updatedAt: Instant,
}

/** An endpoint as it is shown. */
export const EndpointOut = Type.Object(
  { ...OUT, channels: Nullable(Type.Array(Channel)) },
  { $id: 'EndpointOut' },
)

/** An endpoint for operational webhooks as it is shown. */
export const OperationalEndpointOut = Type.Object(OUT, { $id: 'OperationalWebhookEndpointOut' })

/** A signing secret. */
export const EndpointSecretOut = Type.Object({ key: Type.String() }, { $id: 'EndpointSecretOut' })

/** What a secret is replaced by. */
export const EndpointSecretRotateIn = Type.Object(
  {
    key: Maybe(Secret),
    gracePeriodSeconds: Maybe(
      Type.Integer({
        minimum: 0,
        maximum: 604_800,
        description:
          'For how long the secret before goes on signing beside the new one. Where it is left out, 86400.',
      }),
    ),
  },
  { $id: 'EndpointSecretRotateIn' },
)

/** What the headers are replaced by. */
export const EndpointHeadersIn = Type.Object({ headers: Headers }, { $id: 'EndpointHeadersIn' })

/** What of the headers is set, and what removed: by `null`, or by its name in `deleteHeaders`. */
export const EndpointHeadersPatchIn = Type.Object(
  {
    headers: Type.Record(Type.String(), Nullable(Type.String())),
    deleteHeaders: Type.Optional(Type.Array(Type.String())),
  },
  { $id: 'EndpointHeadersPatchIn' },
)

/** The headers as they are shown. */
export const EndpointHeadersOut = Type.Object(
  {
    headers: Type.Record(Type.String(), Type.String()),
    sensitive: Type.Array(Type.String(), {
      description: 'Names of further headers, whose values are never shown.',
    }),
  },
  { $id: 'EndpointHeadersOut' },
)

/** The version of the payload format that the API knows endpoints by. There is one. */
const VERSION = 1

/** Shows an endpoint; never its secret, its headers or the secrets of its credentials. */
export function showEndpoint(endpoint: Endpoint): Static<typeof EndpointOut> {
  return { ...showOperationalEndpoint(endpoint), channels: copy(endpoint.channels) }
}

/** Shows an endpoint for operational webhooks, which has no channels. */
export function showOperationalEndpoint(endpoint: Endpoint): Static<typeof OperationalEndpointOut> {
  return {
    id: endpoint.id,
    uid: endpoint.uid,
    url: endpoint.url,
    version: VERSION,
    description: endpoint.description,
    disabled: endpoint.disabled,
    eventTypes: copy(endpoint.eventTypes),
    filterTypes: copy(endpoint.eventTypes),
    throttleRate: endpoint.throttleRate,
    rateLimit: endpoint.throttleRate,
    metadata: endpoint.metadata,
    auth: showAuth(endpoint.auth),
    ...showSettings(endpoint.settings),
    failingSince: endpoint.failingSince === null ? null : showInstant(endpoint.failingSince),
    disabledReason: endpoint.disabledReason,
    createdAt: showInstant(endpoint.createdAt),
    updatedAt: showInstant(endpoint.updatedAt),
  }
}

/** Shows headers, save the values of those that look like secrets. */
export function showHeaders(headers: EndpointHeaders): Static<typeof EndpointHeadersOut> {
  const entries = Object.entries(headers)
  return {
    headers: Object.fromEntries(entries.filter(([name]) => !isSensitive(name))),
    sensitive: entries.map(([name]) => name).filter(isSensitive),
  }
}

function copy(names: readonly string[] | null): string[] | null {
  return names === null ? null : [...names]
}
