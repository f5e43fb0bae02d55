/** Conformance: what tokens may, when they end, and the audit log. @module */

import { describe, expect, onTestFinished, test } from 'vitest'

import type { AuditEntry } from '../../../src/domain/audit.ts'
import { randomText } from '../../../src/domain/id.ts'
import { IDEMPOTENCY_MS } from '../../../src/domain/idempotency.ts'
import type { Token } from '../../../src/domain/token.ts'
import type { Store } from '../../../src/storage/store.ts'
import type { OpenedStore } from '../opened-store.ts'
import { NOW, WHOLE, idAt, newMessage, newScene, newToken } from '../fixtures.ts'

const DAY_MS = 86_400_000

const newPortalToken = (fields: Partial<Token> = {}): Token =>
  newToken({
    scope: 'portal',
    applicationId: idAt('application', NOW),
    capabilities: ['ViewBase', 'CreateAttempts'],
    sessionId: 'session-1',
    expiresAt: NOW + DAY_MS,
    ...fields,
  })

const newEntry = (fields: Partial<AuditEntry> = {}): AuditEntry => {
  const createdAt = fields.createdAt ?? NOW
  return {
    id: idAt('audit', createdAt),
    organisationId: idAt('organisation', createdAt),
    applicationId: null,
    actor: 'pht_abcd',
    tokenId: idAt('token', createdAt),
    method: 'POST',
    route: '/app/:app_id/endpoint',
    resources: { app_id: 'mine', id: 'ep_1' },
    status: 201,
    requestId: 'r-1',
    createdAt,
    ...fields,
  }
}

/** Tests the scopes and ends of tokens, login keys, the audit log, and what is purged of them. */
export function describeAccess(store: () => Store, open: () => Promise<OpenedStore>): void {
  describe('the ends of tokens', () => {
    test('a token with every field set is found as it was given', async () => {
      const token = newPortalToken({ isReadOnly: true, lastUsedAt: NOW })
      await store().createToken(token)
      expect(await store().findToken(token.hash)).toEqual(token)
    })

    test('tokens are listed by page, without those of the portal', async () => {
      const { organisationId } = newToken()
      const tokens = [1, 2, 3].map((ms) => newToken({ organisationId, createdAt: NOW + ms }))
      for (const token of [newPortalToken({ organisationId }), ...tokens]) await store().createToken(token)
      expect(await store().listApiTokens(organisationId, WHOLE)).toEqual(tokens)
      const page = { limit: 1, order: 'descending', after: tokens[2]!.id } as const
      expect(await store().listApiTokens(organisationId, page)).toEqual([tokens[1]])
    })

    test('a token is made to expire, earlier and never later', async () => {
      const token = newToken()
      await store().createToken(token)
      const { organisationId, id } = token
      const until = (expiresAt: number) => ({ ...token, expiresAt })
      expect(await store().expireToken(organisationId, id, NOW + 9)).toEqual(until(NOW + 9))
      expect(await store().expireToken(organisationId, id, NOW + 99)).toEqual(until(NOW + 9))
      expect(await store().findToken(token.hash)).toEqual(until(NOW + 9))
      expect(await store().expireToken(idAt('organisation', NOW), id, NOW)).toBeNull()
      await store().revokeToken(organisationId, id, NOW)
      expect(await store().expireToken(organisationId, id, NOW)).toBeNull()
    })

    test('all tokens of an application are made to expire, or those of some sessions', async () => {
      const { applicationId } = newPortalToken()
      const [first, second, endless] = [
        newPortalToken({ applicationId }),
        newPortalToken({ applicationId, sessionId: 'session-2' }),
        newToken({ applicationId, scope: 'application' }),
      ]
      const other = newPortalToken()
      for (const token of [first, second, endless, other]) await store().createToken(token)
      const expiryOf = async ({ hash }: Token) => (await store().findToken(hash))!.expiresAt

      expect(await store().expireTokensOfApplication(applicationId!, NOW + 5, ['session-2', 'x'])).toBe(1)
      expect(await Promise.all([first, second].map(expiryOf))).toEqual([NOW + DAY_MS, NOW + 5])
      expect(await store().expireTokensOfApplication(applicationId!, NOW + 8, null)).toBe(2)
      expect(await Promise.all([first, second, endless].map(expiryOf))).toEqual([NOW + 8, NOW + 5, NOW + 8])
      expect(await expiryOf(other)).toBe(NOW + DAY_MS)
    })

    test('of the end of a token it is told that anything may have changed', async () => {
      const token = newPortalToken()
      await store().createToken(token)
      const told: (string | null)[] = []
      store().onChange((id) => told.push(id))
      await store().expireToken(token.organisationId, token.id, NOW)
      await store().expireTokensOfApplication(token.applicationId!, NOW, null)
      expect(told.filter((id) => id === null).length).toBeGreaterThanOrEqual(2)
    })

    test('the latest use of a token is kept, whatever order they come in', async () => {
      const token = newToken()
      await store().createToken(token)
      const use = (at: number) => ({ tokenId: token.id, at })
      await store().recordTokenUses([use(NOW + 2), use(NOW + 1), { tokenId: 'tok_nobody', at: NOW }])
      expect(await store().findToken(token.hash)).toEqual({ ...token, lastUsedAt: NOW + 2 })
      await store().recordTokenUses([use(NOW)])
      expect(await store().findToken(token.hash)).toEqual({ ...token, lastUsedAt: NOW + 2 })
    })
  })

  describe('login keys', () => {
    const start = async (fields: Partial<Token> = {}) => {
      const token = newPortalToken(fields)
      const key = { hash: randomText(64), expiresAt: NOW + 600_000 }
      await store().createPortalAccess(token, key)
      const redeem = (at = NOW) => {
        const { id, hash, prefix, createdAt } = newToken({ createdAt: at })
        return store().redeemLoginKey(key.hash, { id, hash, prefix, createdAt })
      }
      return { token, redeem }
    }

    test('a key opens a token like the one it was made with, once', async () => {
      const { token, redeem } = await start({ isReadOnly: true })
      const redeemed = await redeem(NOW + 1)
      const { id, hash, prefix, createdAt } = redeemed!
      expect(redeemed).toEqual({ ...token, id, hash, prefix, createdAt: NOW + 1 })
      expect(createdAt).toBe(NOW + 1)
      expect(await store().findToken(hash)).toEqual(redeemed)
      expect(await store().findToken(token.hash)).toEqual(token)
      expect(await redeem()).toBeNull()
    })

    test('of many that take a key at once, one gets a token', async () => {
      const { redeem } = await start()
      const redeemed = await Promise.all(Array.from({ length: 20 }, () => redeem()))
      expect(redeemed.filter((token) => token !== null)).toHaveLength(1)
    })

    test('a key that is too late, unknown, or of a token that has ended opens nothing', async () => {
      expect(await (await start()).redeem(NOW + 600_000)).toBeNull()
      expect(await (await start({ expiresAt: NOW })).redeem()).toBeNull()
      const { token, redeem } = await start()
      await store().revokeToken(token.organisationId, token.id, NOW)
      expect(await redeem()).toBeNull()
      const { id, hash, prefix, createdAt } = newToken()
      expect(await store().redeemLoginKey(randomText(64), { id, hash, prefix, createdAt })).toBeNull()
    })
  })

  describe('the audit log', () => {
    test('entries are listed by page, of an organisation or one application, as they were given', async () => {
      const { organisationId } = newEntry()
      const applicationId = idAt('application', NOW)
      const entries = [
        newEntry({ organisationId, createdAt: NOW + 1 }),
        newEntry({ organisationId, createdAt: NOW + 2, applicationId, tokenId: null, resources: {} }),
        newEntry({ organisationId, createdAt: NOW + 3, applicationId }),
      ]
      for (const entry of [...entries, newEntry({ applicationId })]) await store().recordAudit(entry)
      expect(await store().listAudit(organisationId, null, WHOLE)).toEqual(entries)
      expect(await store().listAudit(organisationId, applicationId, WHOLE)).toEqual(entries.slice(1))
      const page = { limit: 2, order: 'descending', after: entries[2]!.id } as const
      expect(await store().listAudit(organisationId, null, page)).toEqual([entries[1], entries[0]])
    })
  })

  describe('what access no longer needs', () => {
    test('is removed a part at a time, and nothing else is', async () => {
      const { store: own, close } = await open()
      onTestFinished(close)
      const later = NOW + 3 * IDEMPOTENCY_MS
      const scene = await newScene(own)
      const { id: applicationId } = scene.application
      const accept = (message: ReturnType<typeof newMessage>, key: string) =>
        own.acceptMessage({ message, deliveries: [], dueAt: NOW, idempotency: { key, body: 'b' } })
      for (const key of ['a', 'b', 'c']) await accept(newMessage({ applicationId }), key)
      await accept(newMessage({ applicationId, createdAt: later }), 'd')
      const answer = { key: 'k', body: 'b', status: 200, content: '', createdAt: NOW }
      await own.saveAnswer(answer)
      await own.saveAnswer({ ...answer, key: 'l', createdAt: later })
      const { organisationId } = scene.application
      const old = newPortalToken({ organisationId, expiresAt: NOW + 1 })
      await own.createPortalAccess(old, { hash: 'old', expiresAt: NOW + 1 })
      const kept = newPortalToken({ organisationId, expiresAt: later + 1 })
      await own.createPortalAccess(kept, { hash: 'kept', expiresAt: later + 1 })
      const expired = newToken({ organisationId, expiresAt: NOW })
      await own.createToken(expired)
      const entries = [newEntry({ organisationId }), newEntry({ organisationId, createdAt: later })]
      for (const entry of entries) await own.recordAudit(entry)

      const purge = (limit: number) => own.purgeAccess({ now: later, auditBefore: later, limit })
      expect(await purge(2)).toBe(2 + 1 + 1 + 1 + 1)
      expect(await purge(2)).toBe(1)
      expect(await purge(2)).toBe(0)

      expect(await own.findAnswer('l', 0)).not.toBeNull()
      expect(await own.findAnswer('k', 0)).toBeNull()
      expect(await own.findToken(old.hash)).toBeNull()
      expect(await own.findToken(kept.hash)).toEqual(kept)
      // Of an API token that has expired the list still tells.
      expect(await own.findToken(expired.hash)).toEqual(expired)
      expect(await own.listAudit(organisationId, null, WHOLE)).toEqual([entries[1]])
      const again = newMessage({ applicationId, createdAt: later })
      expect(await accept(again, 'd')).toMatchObject({ kind: 'replayed' })
    })
  })
}
