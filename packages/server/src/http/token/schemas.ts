/** What goes in and out of the routes of tokens. @module */

import { type Static, Type } from 'typebox'

import type { Token } from '../../domain/token.ts'
import { Instant, Maybe, Nullable, described, showInstant } from '../schemas.ts'

const TEN_YEARS_S = 315_360_000

/** A token that is to be made. */
export const ApiTokenIn = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 256, description: 'What it is for' }),
    appId: Maybe(Type.String({ description: 'Id or uid of the one application that it opens' })),
    readOnly: Type.Optional(
      Type.Boolean({ description: 'Whether it may only read; `false` where it is left out.' }),
    ),
    expiry: Maybe(
      Type.Integer({ minimum: 1, maximum: TEN_YEARS_S, description: 'Seconds until it expires' }),
    ),
  },
  { $id: 'ApiTokenIn' },
)

/** When a token is to expire. */
export const ApiTokenExpireIn = Type.Object(
  { expiry: Maybe(Type.Integer({ minimum: 0, maximum: TEN_YEARS_S, description: 'Seconds until then' })) },
  { $id: 'ApiTokenExpireIn' },
)

const shown = {
  id: described(Type.String(), 'The token’s id; its text is another.'),
  name: described(Type.String(), 'What it is for.'),
  createdAt: described(Instant, 'When it was made.'),
  expiresAt: described(Nullable(Instant), 'When it expires; `null` for never.'),
  scopes: Type.Array(Type.String(), {
    description: '`organisation` or `application`, and `read-only` where it may not write.',
  }),
  appId: described(Nullable(Type.String()), 'The one application that it opens; `null` for all.'),
}

/** A new token: its text is shown this once. */
export const ApiTokenOut = Type.Object(
  { ...shown, token: Type.String({ description: 'The text to send as `authorization: Bearer …`.' }) },
  { $id: 'ApiTokenOut' },
)

/** A token as it is listed. */
export const ApiTokenCensoredOut = Type.Object(
  {
    ...shown,
    censoredToken: Type.String({ description: 'Its first characters' }),
    lastUsedAt: described(Nullable(Instant), 'When it was last used, to about a minute; `null` for never.'),
    revokedAt: described(Nullable(Instant), 'Since when it is refused; `null` where it is not.'),
  },
  { $id: 'ApiTokenCensoredOut' },
)

/** Shows a token whose text is shown with it, once. */
export function showNewToken(token: Token, text: string): Static<typeof ApiTokenOut> {
  return { ...show(token), token: text }
}

/** Shows a token without its text. */
export function showToken(token: Token): Static<typeof ApiTokenCensoredOut> {
  return {
    ...show(token),
    censoredToken: `${token.prefix}…`,
    lastUsedAt: showMaybe(token.lastUsedAt),
    revokedAt: showMaybe(token.revokedAt),
  }
}

function show({ id, name, createdAt, expiresAt, scope, isReadOnly, applicationId }: Token) {
  return {
    id,
    name,
    createdAt: showInstant(createdAt),
    expiresAt: showMaybe(expiresAt),
    scopes: isReadOnly ? [scope, 'read-only'] : [scope],
    appId: applicationId,
  }
}

function showMaybe(at: number | null): string | null {
  return at === null ? null : showInstant(at)
}
