/** What goes in and out of the routes of portal access. @module */

import { Type } from 'typebox'

import { CAPABILITIES } from '../../domain/token.ts'
import { ApplicationIn } from '../application/schemas.ts'
import { Maybe, Uid } from '../schemas.ts'

const HOUR_S = 3_600
const WEEK_S = 604_800

/** A name that the provider gives to a customer's session. */
const SessionId = Type.String({ minLength: 1, maxLength: 256 })

/** What a portal link is to open, and for how long. */
export const AppPortalAccessIn = Type.Object(
  {
    application: Maybe(ApplicationIn),
    capabilities: Maybe(
      Type.Array(Type.Enum([...CAPABILITIES]), {
        maxItems: 100,
        description: 'What the token may do; without them, everything that a customer may',
      }),
    ),
    expiry: Maybe(
      Type.Integer({
        minimum: HOUR_S,
        maximum: WEEK_S,
        description: 'Seconds until the token expires: 1 hour to 7 days, by default 7 days',
      }),
    ),
    featureFlags: Type.Optional(Type.Array(Uid, { description: 'Accepted, and without effect' })),
    readOnly: Maybe(Type.Boolean()),
    sessionId: Maybe(SessionId),
  },
  { $id: 'AppPortalAccessIn' },
)

/** A link to the portal, and the token that it leads to. */
export const AppPortalAccessOut = Type.Object(
  { url: Type.String({ format: 'uri' }), token: Type.String() },
  { $id: 'AppPortalAccessOut' },
)

/** The key of a portal link. */
export const OneTimeTokenIn = Type.Object(
  { oneTimeToken: Type.String({ minLength: 1, maxLength: 200 }) },
  { $id: 'OneTimeTokenIn' },
)

/** The token that a key was exchanged for. */
export const OneTimeTokenOut = Type.Object({ token: Type.String() }, { $id: 'OneTimeTokenOut' })

/** Which tokens of an application are to expire, and when. */
export const ApplicationTokenExpireIn = Type.Object(
  {
    expiry: Maybe(Type.Integer({ minimum: 0, maximum: WEEK_S, description: 'Seconds until then' })),
    sessionIds: Type.Optional(Type.Array(SessionId, { maxItems: 250 })),
  },
  { $id: 'ApplicationTokenExpireIn' },
)
