/** A token: who may call the API, and with which reach. @module */

import { newId, randomText } from './id.ts'

/** A bearer token. Its text is shown once, when it is made; what is kept is its hash. */
export interface Token {
  readonly id: string
  readonly organisationId: string
  /** The one application that it opens; `null` for the whole organisation. */
  readonly applicationId: string | null
  readonly name: string
  /** The first characters of the text, enough to recognise it and too few to use it. */
  readonly prefix: string
  /** SHA-256 of the text, in hex. A token is 238 random bits, so a slow hash would protect nothing more. */
  readonly hash: string
  readonly createdAt: number
  readonly revokedAt: number | null
}

/** A token and its text, which is shown now and never again. */
export interface NewToken {
  readonly token: Token
  readonly text: string
}

const TOKEN_PREFIX = 'pht_'
const RANDOM_LENGTH = 40
const SHOWN_LENGTH = 12

/**
 * Makes a token: of the given organisation, or of a new one.
 *
 * @param input.text - Its text where the operator brings one; by default 40 random characters.
 * @param input.hashToken - SHA-256 in hex.
 */
export function newToken(input: {
  readonly name: string
  readonly organisationId?: string
  readonly applicationId: string | null
  readonly text?: string | null
  readonly hashToken: (text: string) => string
  readonly now: number
}): NewToken {
  const text = input.text ?? TOKEN_PREFIX + randomText(RANDOM_LENGTH)
  return {
    text,
    token: {
      id: newId('token', input.now),
      organisationId: input.organisationId ?? newId('organisation', input.now),
      applicationId: input.applicationId,
      name: input.name,
      // Of a text that is short because a person chose it, no more than a third is shown.
      prefix: text.slice(0, Math.min(SHOWN_LENGTH, Math.floor(text.length / 3))),
      hash: input.hashToken(text),
      createdAt: input.now,
      revokedAt: null,
    },
  }
}
