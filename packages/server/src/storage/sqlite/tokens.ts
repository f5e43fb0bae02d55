/** Organisations and tokens in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import type { Token } from '../../domain/token.ts'
import { toJson } from '../rows/cells.ts'
import { tokenOf } from '../rows/token.ts'
import { type Row, type Synchronous, pageClause, statementCache } from './tables.ts'

type TokenMethods =
  | 'findOrganisation'
  | 'createOrganisation'
  | 'createToken'
  | 'findToken'
  | 'revokeToken'
  | 'listApiTokens'
  | 'expireToken'
  | 'expireTokensOfApplication'
  | 'recordTokenUses'
  | 'createPortalAccess'
  | 'redeemLoginKey'

/** The methods on organisations and tokens. */
export function tokenMethods(database: DatabaseSync): Synchronous<TokenMethods> {
  const prepared = statementCache(database)

  const insertToken = (token: Token) =>
    void prepared(
      `INSERT INTO token (id, organisation_id, application_id, name, prefix, hash, created_at, revoked_at,
         scope, is_read_only, capabilities, session_id, expires_at, last_used_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      token.id,
      token.organisationId,
      token.applicationId,
      token.name,
      token.prefix,
      token.hash,
      token.createdAt,
      token.revokedAt,
      token.scope,
      Number(token.isReadOnly),
      toJson(token.capabilities),
      token.sessionId,
      token.expiresAt,
      token.lastUsedAt,
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

    listApiTokens(organisationId, page) {
      const { sql, values } = pageClause('id', page, [
        ['organisation_id = ?', organisationId],
        ["scope <> 'portal'"],
      ])
      return prepared(`SELECT * FROM token ${sql}`)
        .all(...values)
        .map((row) => tokenOf(row as Row))
    },

    expireToken(organisationId, id, at) {
      const row = prepared(
        `UPDATE token SET expires_at = min(coalesce(expires_at, ?1), ?1)
         WHERE organisation_id = ?2 AND id = ?3 AND revoked_at IS NULL RETURNING *`,
      ).get(at, organisationId, id)
      return row === undefined ? null : tokenOf(row)
    },

    expireTokensOfApplication(applicationId, at, sessionIds) {
      const { changes } = prepared(
        `UPDATE token SET expires_at = ?1
         WHERE application_id = ?2 AND revoked_at IS NULL AND coalesce(expires_at > ?1, 1)
           AND (?3 IS NULL OR session_id IN (SELECT value FROM json_each(?3)))`,
      ).run(at, applicationId, toJson(sessionIds))
      return Number(changes)
    },

    recordTokenUses(uses) {
      const update = prepared(
        'UPDATE token SET last_used_at = ?1 WHERE id = ?2 AND coalesce(last_used_at < ?1, 1)',
      )
      for (const { tokenId, at } of uses) update.run(at, tokenId)
    },

    createPortalAccess(token, key) {
      insertToken(token)
      prepared('INSERT INTO login_key VALUES (?, ?, ?)').run(key.hash, token.id, key.expiresAt)
    },

    redeemLoginKey(keyHash, { id, hash, prefix, createdAt: now }) {
      // It is taken also where it is too late for it.
      const key = prepared('DELETE FROM login_key WHERE hash = ? RETURNING token_id, expires_at').get(keyHash)
      if (key === undefined || (key['expires_at'] as number) <= now) return null
      const row = prepared(
        'SELECT * FROM token WHERE id = ? AND revoked_at IS NULL AND coalesce(expires_at > ?, 1)',
      ).get(key['token_id']!, now)
      if (row === undefined) return null
      const token: Token = { ...tokenOf(row), id, hash, prefix, createdAt: now, lastUsedAt: null }
      insertToken(token)
      return token
    },
  }
}
