/** The forms of an endpoint. @module */

import { Type } from 'typebox'

import type { Endpoint } from '../../domain/endpoint.ts'
import { Channel, EventTypeName, Maybe, Metadata, Nullable, Rate, Uid, showInstant } from '../schemas.ts'

/** Event types that an endpoint wants. None is no filter: that is said by leaving the field out. */
const EventTypes = Type.Array(EventTypeName, { minItems: 1, uniqueItems: true })
const Channels = Type.Array(Channel, { minItems: 1, maxItems: 10, uniqueItems: true })
const Url = Type.String({ minLength: 1, maxLength: 65_536 })

/** What an endpoint is replaced by. `filterTypes` and `rateLimit` are older names of `eventTypes` and `throttleRate`. */
export const EndpointUpdate = Type.Object({
  url: Url,
  uid: Maybe(Uid),
  description: Type.Optional(Type.String()),
  disabled: Type.Optional(Type.Boolean()),
  eventTypes: Maybe(EventTypes),
  filterTypes: Maybe(EventTypes),
  channels: Maybe(Channels),
  throttleRate: Maybe(Rate),
  rateLimit: Maybe(Rate),
  metadata: Type.Optional(Metadata),
})

/** What an endpoint is made from. */
export const EndpointIn = Type.Object({
  ...EndpointUpdate.properties,
  secret: Maybe(Type.String({ pattern: '^(whsec_)?[a-zA-Z0-9+/=]{32,100}$' })),
})

/** What may change: an absent field stays as it is. */
export const EndpointPatch = Type.Object({
  url: Type.Optional(Url),
  uid: Type.Optional(Nullable(Uid)),
  description: Type.Optional(Type.String()),
  disabled: Type.Optional(Type.Boolean()),
  eventTypes: Type.Optional(Nullable(EventTypes)),
  filterTypes: Type.Optional(Nullable(EventTypes)),
  channels: Type.Optional(Nullable(Channels)),
  throttleRate: Type.Optional(Nullable(Rate)),
  rateLimit: Type.Optional(Nullable(Rate)),
  metadata: Type.Optional(Metadata),
})

/** The version of the payload format that the API knows endpoints by. There is one. */
const VERSION = 1

/** Shows an endpoint; never its secret. */
export function showEndpoint(endpoint: Endpoint) {
  return {
    id: endpoint.id,
    uid: endpoint.uid,
    url: endpoint.url,
    version: VERSION,
    description: endpoint.description,
    disabled: endpoint.disabled,
    eventTypes: endpoint.eventTypes,
    filterTypes: endpoint.eventTypes,
    channels: endpoint.channels,
    throttleRate: endpoint.throttleRate,
    rateLimit: endpoint.throttleRate,
    metadata: endpoint.metadata,
    createdAt: showInstant(endpoint.createdAt),
    updatedAt: showInstant(endpoint.updatedAt),
  }
}
