/** Organisations and tokens in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import type { Token } from '../../domain/token.ts'
import { type Row, type Synchronous, statementCache } from './tables.ts'

type TokenMethods =
  'findOrganisation' | 'createOrganisation' | 'createToken' | 'findToken' | 'listTokens' | 'revokeToken'

/** The methods on organisations and tokens. */
export function tokenMethods(database: DatabaseSync): Synchronous<TokenMethods> {
  const prepared = statementCache(database)

  const insertToken = (token: Token) =>
    void prepared('INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
      token.id,
      token.organisationId,
      token.applicationId,
      token.name,
      token.prefix,
      token.hash,
      token.createdAt,
      token.revokedAt,
    )

  const findOrganisation = () =>
    (prepared('SELECT id FROM organisation ORDER BY id LIMIT 1').get() as Row | undefined)?.['id'] as
      string | undefined

  return {
    findOrganisation: () => findOrganisation() ?? null,

    createOrganisation(organisationId, token) {
      if (findOrganisation() !== undefined) return false
      prepared('INSERT INTO organisation VALUES (?, ?)').run(organisationId, token.createdAt)
      insertToken(token)
      return true
    },

    createToken: insertToken,

    findToken(hash) {
      const row = prepared('SELECT * FROM token WHERE hash = ? AND revoked_at IS NULL').get(hash)
      return row === undefined ? null : tokenOf(row)
    },

    listTokens: (organisationId) =>
      prepared('SELECT * FROM token WHERE organisation_id = ? ORDER BY id')
        .all(organisationId)
        .map((row) => tokenOf(row as Row)),

    revokeToken(organisationId, idOrPrefix, now) {
      const rows = prepared(
        'SELECT * FROM token WHERE organisation_id = ? AND (id = ? OR prefix = ?) AND revoked_at IS NULL',
      ).all(organisationId, idOrPrefix, idOrPrefix)
      if (rows.length > 1) {
        throw new PosthornError('conflict', `More than one token begins with ${idOrPrefix}`, {
          hint: 'Name the token by its id',
        })
      }
      if (rows[0] === undefined) return null
      const token = { ...tokenOf(rows[0]), revokedAt: now }
      prepared('UPDATE token SET revoked_at = ? WHERE id = ?').run(now, token.id)
      return token
    },
  }
}

function tokenOf(row: Row): Token {
  return {
    id: row['id'] as string,
    organisationId: row['organisation_id'] as string,
    applicationId: row['application_id'] as string | null,
    name: row['name'] as string,
    prefix: row['prefix'] as string,
    hash: row['hash'] as string,
    createdAt: row['created_at'] as number,
    revokedAt: row['revoked_at'] as number | null,
  }
}
