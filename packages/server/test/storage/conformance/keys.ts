/** Conformance: the server's signing keys, and which keys seal. @module */

import { describe, expect, onTestFinished, test } from 'vitest'

import { MAX_SIGNING_KEYS, newSigningKey } from '../../../src/domain/signing-key.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, newEndpoint } from '../fixtures.ts'
import type { OpenedStore } from '../opened-store.ts'

/** Tests the keys of a database. Each test has one of its own: they are the whole database's. */
export function describeKeys(open: () => Promise<OpenedStore>): void {
  const opened = async () => {
    const made = await open()
    onTestFinished(made.close)
    return made
  }

  describe('signing keys', () => {
    test('the first is made once, and is there after a restart', async () => {
      const { store, reopen } = await opened()
      expect(await store.listSigningKeys()).toEqual([])
      const key = newSigningKey(NOW)
      expect(await store.createSigningKey(key)).toBe(true)
      expect(await store.createSigningKey(newSigningKey(NOW))).toBe(false)
      expect(await (await reopen()).listSigningKeys()).toEqual([key])
    })

    test('a rotation lets the one before sign through the grace; what has expired goes with the next one', async () => {
      const { store } = await opened()
      const [first, second, third] = [newSigningKey(NOW), newSigningKey(NOW), newSigningKey(NOW)]
      await store.createSigningKey(first)
      await store.rotateSigningKey(second, 1_000, NOW)
      expect(await store.listSigningKeys()).toEqual([second, { ...first, expiresAt: NOW + 1_000 }])
      await store.rotateSigningKey(third, 0, NOW + 999)
      expect(await store.listSigningKeys()).toEqual([third, { ...first, expiresAt: NOW + 1_000 }])
      await store.rotateSigningKey(first, 5, NOW + 1_000)
      expect(await store.listSigningKeys()).toEqual([first, { ...third, expiresAt: NOW + 1_005 }])
    })

    test('as many sign as may; one more is refused, and nothing changed by that', async () => {
      const { store } = await opened()
      await store.createSigningKey(newSigningKey(NOW))
      for (let made = 1; made < MAX_SIGNING_KEYS; made++) {
        await store.rotateSigningKey(newSigningKey(NOW), 1_000, NOW)
      }
      const before = await store.listSigningKeys()
      await expect(store.rotateSigningKey(newSigningKey(NOW), 1_000, NOW)).rejects.toMatchObject({
        code: 'limit_reached',
      })
      expect(await store.listSigningKeys()).toEqual(before)
      await store.rotateSigningKey(newSigningKey(NOW), 1_000, NOW + 1_000)
      expect(await store.listSigningKeys()).toHaveLength(2)
    })

    test('whoever listens is told before a rotation is answered', async () => {
      const { store } = await opened()
      await store.createSigningKey(newSigningKey(NOW))
      const told: (string | null)[] = []
      store.onChange((applicationId) => told.push(applicationId))
      await store.rotateSigningKey(newSigningKey(NOW), 0, NOW)
      expect(told).toEqual([null])
    })
  })

  describe('encryption keys', () => {
    const walk = async (store: Store, limit: number) => {
      const steps: number[] = []
      for (let after: string | null | undefined; after !== null;) {
        const step: Awaited<ReturnType<Store['resealSecrets']>> = await store.resealSecrets(
          after ?? null,
          limit,
        )
        steps.push(step.resealed)
        after = step.next
      }
      return steps
    }

    test('a new database seals with the key that it was given, and needs no other', async () => {
      const { store } = await opened()
      const [key, ...others] = await store.listEncryptionKeys()
      expect(key).toEqual({ id: expect.stringMatching(/^[0-9a-f]{8}$/), state: 'seals' })
      expect(others).toEqual([])
      expect(await store.sealWith(key!.id)).toBe(true)
      expect(await store.forgetEncryptionKeys()).toEqual([])
    })

    test('what its own key has sealed is looked at a part at a time, and left as it is', async () => {
      const { store } = await opened()
      for (let made = 0; made < 5; made++) await store.createEndpoint(newEndpoint())
      const steps = await walk(store, 2)
      expect(steps.length).toBeGreaterThanOrEqual(3)
      expect(steps.every((resealed) => resealed === 0)).toBe(true)
    })

    test('a key that is offered but not had seals nothing, and is forgotten', async () => {
      const { store } = await opened()
      await store.offerEncryptionKey('00000000')
      expect(await store.listEncryptionKeys()).toContainEqual({ id: '00000000', state: 'offered' })
      await expect(store.sealWith('00000000')).rejects.toMatchObject({ code: 'bad_key' })
      expect(await store.forgetEncryptionKeys()).toEqual(['00000000'])
      expect(await store.listEncryptionKeys()).toMatchObject([{ state: 'seals' }])
    })
  })
}
