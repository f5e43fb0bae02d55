/** What goes in and out of the routes of portal access. @module */

import { Type } from 'typebox'

import { CAPABILITIES } from '../../domain/token.ts'
import { ApplicationIn } from '../application/schemas.ts'
import { Maybe, Uid, described } from '../schemas.ts'

const HOUR_S = 3_600
const WEEK_S = 604_800

/** A name that the provider gives to a customer's session. */
const SessionId = Type.String({ minLength: 1, maxLength: 256 })

/** What a portal link is to open, and for how long. */
export const AppPortalAccessIn = Type.Object(
  {
    application: described(
      Maybe(ApplicationIn),
      'Made first where no application has the id or uid of the path.',
    ),
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
    readOnly: described(Maybe(Type.Boolean()), 'Whether the token may only read.'),
    sessionId: described(
      Maybe(SessionId),
      'Your own name for the session, by which its tokens can be made to expire.',
    ),
  },
  { $id: 'AppPortalAccessIn' },
)

/** A link to the portal, and the token that it leads to. */
export const AppPortalAccessOut = Type.Object(
  {
    url: Type.String({ format: 'uri', description: 'Opens the portal, once, within 10 minutes.' }),
    token: Type.String({ description: 'The token that the link leads to.' }),
  },
  { $id: 'AppPortalAccessOut' },
)

/** The key of a portal link. */
export const OneTimeTokenIn = Type.Object(
  {
    oneTimeToken: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'What stands after `#key=` in the link.',
    }),
  },
  { $id: 'OneTimeTokenIn' },
)

/** The token that a key was exchanged for. */
export const OneTimeTokenOut = Type.Object(
  { token: Type.String({ description: 'The token of the portal.' }) },
  { $id: 'OneTimeTokenOut' },
)

/** Which tokens of an application are to expire, and when. */
export const ApplicationTokenExpireIn = Type.Object(
  {
    expiry: Maybe(Type.Integer({ minimum: 0, maximum: WEEK_S, description: 'Seconds until then' })),
    sessionIds: Type.Optional(
      Type.Array(SessionId, { maxItems: 250, description: 'Only the tokens of these sessions.' }),
    ),
  },
  { $id: 'ApplicationTokenExpireIn' },
)
