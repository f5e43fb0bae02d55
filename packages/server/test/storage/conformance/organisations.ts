/** Conformance: organisations and tokens. @module */

import { describe, expect, onTestFinished, test } from 'vitest'

import type { Store } from '../../../src/storage/store.ts'
import type { OpenedStore } from '../opened-store.ts'
import { NOW, WHOLE, idAt, newToken } from '../fixtures.ts'

/** Tests organisations and tokens. */
export function describeOrganisations(store: () => Store, open: () => Promise<OpenedStore>): void {
  describe('organisations', () => {
    test('a new database has none, and the first that is made stays the only one', async () => {
      const { store: empty, close } = await open()
      onTestFinished(close)
      expect(await empty.findOrganisation()).toBeNull()

      const [first, second] = [newToken(), newToken()]
      expect(await empty.createOrganisation(first.organisationId, first)).toBe(true)
      expect(await empty.createOrganisation(second.organisationId, second)).toBe(false)

      expect(await empty.findOrganisation()).toBe(first.organisationId)
      expect(await empty.findToken(first.hash)).toEqual(first)
      expect(await empty.findToken(second.hash)).toBeNull()
    })

    test('of many that are made at once, one is, with its token and no other', async () => {
      const { store: empty, close } = await open()
      onTestFinished(close)
      const tokens = Array.from({ length: 10 }, () => newToken())
      const made = await Promise.all(
        tokens.map((token) => empty.createOrganisation(token.organisationId, token)),
      )

      expect(made.filter(Boolean)).toHaveLength(1)
      const winner = tokens[made.indexOf(true)]!
      expect(await empty.findOrganisation()).toBe(winner.organisationId)
      const found = await Promise.all(tokens.map((token) => empty.findToken(token.hash)))
      expect(found.filter((token) => token !== null)).toEqual([winner])
    })

    test('one whose token cannot be written is not made', async () => {
      const { store: empty, close } = await open()
      onTestFinished(close)
      const token = newToken()
      await empty.createToken(token)
      const sameHash = newToken({ hash: token.hash })
      await expect(empty.createOrganisation(sameHash.organisationId, sameHash)).rejects.toBeInstanceOf(Error)
      expect(await empty.findOrganisation()).toBeNull()
    })
  })

  describe('tokens', () => {
    test('a token is found by its hash, with every field as it was given', async () => {
      const token = newToken({ applicationId: idAt('application', NOW), name: 'Müller ✉ 🎺' })
      await store().createToken(token)
      expect(await store().findToken(token.hash)).toEqual(token)
      expect(await store().findToken(token.prefix)).toBeNull()
    })

    test.each(['id', 'prefix'] as const)('a token is revoked by its %s, and no longer opens', async (key) => {
      const token = newToken()
      await store().createToken(token)

      const revoked = { ...token, revokedAt: NOW + 5 }
      expect(await store().revokeToken(token.organisationId, token[key], NOW + 5)).toEqual(revoked)
      expect(await store().findToken(token.hash)).toBeNull()
      expect(await store().listApiTokens(token.organisationId, WHOLE)).toEqual([revoked])
      expect(await store().revokeToken(token.organisationId, token[key], NOW + 9)).toBeNull()
    })

    test('a prefix that two tokens share revokes neither, and an id still tells them apart', async () => {
      const first = newToken({ prefix: 'ph_same' })
      const second = newToken({ prefix: 'ph_same', organisationId: first.organisationId })
      await store().createToken(first)
      await store().createToken(second)

      await expect(store().revokeToken(first.organisationId, 'ph_same', NOW)).rejects.toMatchObject({
        code: 'conflict',
      })
      expect(await store().findToken(first.hash)).toEqual(first)
      expect(await store().findToken(second.hash)).toEqual(second)

      await store().revokeToken(first.organisationId, first.id, NOW)
      expect(await store().revokeToken(first.organisationId, 'ph_same', NOW)).toMatchObject({ id: second.id })
    })

    test('a token of another organisation is neither listed nor revoked', async () => {
      const token = newToken()
      await store().createToken(token)
      const other = idAt('organisation', NOW)
      expect(await store().listApiTokens(other, WHOLE)).toEqual([])
      expect(await store().revokeToken(other, token.id, NOW)).toBeNull()
      expect(await store().findToken(token.hash)).toEqual(token)
    })

    test('tokens are listed newest last', async () => {
      const { organisationId } = newToken()
      const tokens = [3, 1, 2].map((ms) => newToken({ organisationId, createdAt: NOW + ms }))
      for (const token of tokens) await store().createToken(token)
      const listed = await store().listApiTokens(organisationId, WHOLE)
      expect(listed.map(({ createdAt }) => createdAt - NOW)).toEqual([1, 2, 3])
    })
  })
}
