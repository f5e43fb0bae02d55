/** Organisations and tokens in PostgreSQL. @module */

import { PosthornError } from '../../domain/errors.ts'
import type { Token } from '../../domain/token.ts'
import { toJson } from '../rows/cells.ts'
import { tokenOf } from '../rows/token.ts'
import type { Store } from '../store.ts'
import { type Database, type Queries, lockOf } from './database.ts'
import type { Notices } from './notices.ts'
import { arrayText, sql } from './sql.ts'
import { pageClause } from './tables.ts'

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
export function tokenMethods(database: Database, notices: Notices): Pick<Store, TokenMethods> {
  return {
    findOrganisation: () => findOrganisation(database),

    createOrganisation: (organisationId, token) =>
      database.write(async (transaction) => {
        // Ten nodes may start at once on an empty database.
        await transaction.row(lockOf(database.options.schema, 'organisation'))
        if ((await findOrganisation(transaction)) !== null) return false
        await transaction.change(
          sql`INSERT INTO organisation (id, created_at) VALUES (${organisationId}, ${token.createdAt})`,
        )
        await insertToken(transaction, token)
        return true
      }),

    createToken: (token) => database.write((transaction) => insertToken(transaction, token)),

    async findToken(hash) {
      const row = await database.row(sql`SELECT * FROM token WHERE hash = ${hash} AND revoked_at IS NULL`)
      return row === undefined ? null : tokenOf(row)
    },

    revokeToken: (organisationId, idOrPrefix, now) =>
      notices.writeTold(null, async (transaction) => {
        const rows = await transaction.rows(
          sql`SELECT * FROM token WHERE organisation_id = ${organisationId}
                AND (id = ${idOrPrefix} OR prefix = ${idOrPrefix}) AND revoked_at IS NULL FOR UPDATE`,
        )
        if (rows.length > 1) {
          throw new PosthornError('conflict', `More than one token begins with ${idOrPrefix}`, {
            hint: 'Name the token by its id',
          })
        }
        if (rows[0] === undefined) return null
        const token = { ...tokenOf(rows[0]), revokedAt: now }
        await transaction.change(sql`UPDATE token SET revoked_at = ${now} WHERE id = ${token.id}`)
        return token
      }),

    async listApiTokens(organisationId, page) {
      const conditions = [sql`organisation_id = ${organisationId}`, sql`scope <> 'portal'`]
      const rows = await database.rows(sql`SELECT * FROM token ${pageClause('id', page, conditions)}`)
      return rows.map(tokenOf)
    },

    expireToken: (organisationId, id, at) =>
      notices.writeTold(null, async (transaction) => {
        const row = await transaction.row(
          sql`UPDATE token SET expires_at = least(expires_at, ${at}::bigint)
              WHERE organisation_id = ${organisationId} AND id = ${id} AND revoked_at IS NULL RETURNING *`,
        )
        return row === undefined ? null : tokenOf(row)
      }),

    expireTokensOfApplication: (applicationId, at, sessionIds) =>
      notices.writeTold(null, (transaction) => {
        const some =
          sessionIds === null ? sql`true` : sql`session_id = ANY (${arrayText(sessionIds)}::text[])`
        return transaction.change(
          sql`UPDATE token SET expires_at = ${at}
              WHERE application_id = ${applicationId} AND revoked_at IS NULL
                AND coalesce(expires_at > ${at}, true) AND ${some}`,
        )
      }),

    async recordTokenUses(uses) {
      if (uses.length === 0) return
      // In one order on all nodes, and each token once, so that no two nodes wait for each other.
      const latest = new Map<string, number>()
      for (const { tokenId, at } of uses) latest.set(tokenId, Math.max(at, latest.get(tokenId) ?? 0))
      const ids = [...latest.keys()].toSorted()
      const ats = ids.map((id) => latest.get(id)!)
      await database.change(
        sql`UPDATE token SET last_used_at = used.at
            FROM unnest(${arrayText(ids)}::text[], ${arrayText(ats)}::bigint[]) AS used (id, at)
            WHERE token.id = used.id AND coalesce(token.last_used_at < used.at, true)`,
      )
    },

    createPortalAccess: (token, key) =>
      database.write(async (transaction) => {
        await insertToken(transaction, token)
        await transaction.change(
          sql`INSERT INTO login_key (hash, token_id, expires_at) VALUES (${key.hash}, ${token.id}, ${key.expiresAt})`,
        )
      }),

    redeemLoginKey: (keyHash, { id, hash, prefix, createdAt: now }) =>
      database.write(async (transaction) => {
        // It is taken also where it is too late for it.
        const key = await transaction.row(
          sql`DELETE FROM login_key WHERE hash = ${keyHash} RETURNING token_id, expires_at`,
        )
        if (key === undefined || (key['expires_at'] as number) <= now) return null
        const row = await transaction.row(
          sql`SELECT * FROM token
              WHERE id = ${key['token_id']} AND revoked_at IS NULL AND coalesce(expires_at > ${now}, true)`,
        )
        if (row === undefined) return null
        const token: Token = { ...tokenOf(row), id, hash, prefix, createdAt: now, lastUsedAt: null }
        await insertToken(transaction, token)
        return token
      }),
  }
}

async function findOrganisation(queries: Queries): Promise<string | null> {
  const row = await queries.row(sql`SELECT id FROM organisation ORDER BY id LIMIT 1`)
  return (row?.['id'] as string | undefined) ?? null
}

async function insertToken(transaction: Queries, token: Token): Promise<void> {
  await transaction.change(
    sql`INSERT INTO token (id, organisation_id, application_id, name, prefix, hash, created_at, revoked_at, scope,
          is_read_only, capabilities, session_id, expires_at, last_used_at)
        VALUES (${token.id}, ${token.organisationId}, ${token.applicationId}, ${token.name}, ${token.prefix},
          ${token.hash}, ${token.createdAt}, ${token.revokedAt}, ${token.scope}, ${token.isReadOnly},
          ${toJson(token.capabilities)}, ${token.sessionId}, ${token.expiresAt}, ${token.lastUsedAt})`,
  )
}
