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
  described,
  showInstant,
} from '../schemas.ts'
import { AuthIn, AuthOut, showAuth } from './auth.ts'
import { SettingsIn, SettingsOut, showSettings } from './settings.ts'

/** Event types that an endpoint wants. None is no filter: that is said by leaving the field out. */
const EventTypes = Type.Array(EventTypeName, { minItems: 1, uniqueItems: true })
const Channels = Type.Array(Channel, {
  minItems: 1,
  maxItems: 10,
  uniqueItems: true,
  description:
    'Gets only messages that have one of these channels; where it is `null`, messages of any channel and of none.',
})
const Url = Type.String({
  minLength: 1,
  maxLength: 65_536,
  description: 'Where deliveries are posted, at an address that the server may reach.',
})
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
  uid: described(
    Maybe(Uid),
    'Your own name for it, unique in its application, which paths take as they take the id.',
  ),
  description: described(Type.Optional(Type.String()), 'For people; it is not sent.'),
  disabled: described(
    Type.Optional(Type.Boolean()),
    'Whether nothing is sent there. What waits for it is held, and goes out when it is enabled.',
  ),
  eventTypes: described(Maybe(EventTypes), 'Event types that it wants; all where it is `null` or left out.'),
  filterTypes: described(Maybe(EventTypes), 'An older name of `eventTypes`.'),
  throttleRate: described(
    Maybe(Rate),
    'Attempts a second, spaced evenly; what is more waits. `null`: no limit.',
  ),
  rateLimit: described(Maybe(Rate), 'An older name of `throttleRate`.'),
  metadata: described(Type.Optional(Metadata), 'Free pairs of text, at most 4 KiB as JSON.'),
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
  id: described(Type.String(), 'Begins with `ep_`.'),
  uid: described(Nullable(Type.String()), 'Your own name for it.'),
  url: described(Type.String(), 'Where deliveries are posted.'),
  version: described(Type.Integer(), 'Always 1: there is one form of payloads.'),
  description: described(Type.String(), 'For people; it is not sent.'),
  disabled: described(Type.Boolean(), 'Whether nothing is sent there.'),
  eventTypes: described(Nullable(Type.Array(EventTypeName)), 'Event types that it wants; `null` for all.'),
  filterTypes: described(Nullable(Type.Array(EventTypeName)), 'An older name of `eventTypes`.'),
  throttleRate: described(
    Nullable(Rate),
    'Attempts a second, spaced evenly; what is more waits. `null`: no limit.',
  ),
  rateLimit: described(Nullable(Rate), 'An older name of `throttleRate`.'),
  metadata: described(Metadata, 'Free pairs of text, at most 4 KiB as JSON.'),
  auth: described(AuthOut, 'Its credentials, without what is secret in them; `null` for none.'),
  ...SettingsOut,
  failingSince: described(
    Nullable(Instant),
    'When the first attempt failed after which none succeeded; `null` where the last one succeeded.',
  ),
  disabledReason: Nullable(
    Type.Enum(['gone', 'failing', 'unverified'], {
      description:
        'Why it is disabled, where that was not by the API: it answered 410, nothing but failures for too long, or its ' +
        'owner has not proved yet that it wants to be called.',
    }),
  ),
  createdAt: described(Instant, 'When it was made.'),
  updatedAt: described(Instant, 'When it was last changed.'),
}

/** An endpoint as it is shown. */
export const EndpointOut = Type.Object(
  {
    ...OUT,
    channels: described(
      Nullable(Type.Array(Channel)),
      'Channels of whose messages it gets those; `null` for messages of any channel and of none.',
    ),
  },
  { $id: 'EndpointOut' },
)

/** An endpoint for operational webhooks as it is shown. */
export const OperationalEndpointOut = Type.Object(OUT, { $id: 'OperationalWebhookEndpointOut' })

/** A signing secret. */
export const EndpointSecretOut = Type.Object(
  {
    key: Type.String({ description: 'The secret, `whsec_…`; of an Ed25519 pair the public half, `whpk_…`.' }),
  },
  { $id: 'EndpointSecretOut' },
)

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
    headers: Type.Record(Type.String(), Nullable(Type.String()), {
      description: 'Headers to set, by name; those with `null` are removed, others stay.',
    }),
    deleteHeaders: Type.Optional(Type.Array(Type.String(), { description: 'Names of headers to remove.' })),
  },
  { $id: 'EndpointHeadersPatchIn' },
)

/** The headers as they are shown. */
export const EndpointHeadersOut = Type.Object(
  {
    headers: Type.Record(Type.String(), Type.String(), { description: 'By name.' }),
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
