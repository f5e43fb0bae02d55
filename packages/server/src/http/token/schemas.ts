/** What goes in and out of the routes of tokens. @module */

import { type Static, Type } from 'typebox'

import type { Token } from '../../domain/token.ts'
import { Instant, Maybe, Nullable, showInstant } from '../schemas.ts'

const TEN_YEARS_S = 315_360_000

/** A token that is to be made. */
export const ApiTokenIn = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 256, description: 'What it is for' }),
    appId: Maybe(Type.String({ description: 'Id or uid of the one application that it opens' })),
    readOnly: Type.Optional(Type.Boolean()),
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
  id: Type.String(),
  name: Type.String(),
  createdAt: Instant,
  expiresAt: Nullable(Instant),
  scopes: Type.Array(Type.String({ description: 'organisation, application or read-only' })),
  appId: Nullable(Type.String()),
}

/** A new token: its text is shown this once. */
export const ApiTokenOut = Type.Object({ ...shown, token: Type.String() }, { $id: 'ApiTokenOut' })

/** A token as it is listed. */
export const ApiTokenCensoredOut = Type.Object(
  {
    ...shown,
    censoredToken: Type.String({ description: 'Its first characters' }),
    lastUsedAt: Nullable(Instant),
    revokedAt: Nullable(Instant),
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
