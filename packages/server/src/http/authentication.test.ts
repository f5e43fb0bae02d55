import { expect, test } from 'vitest'

import { type Token, newToken } from '../domain/token.ts'
import type { Store } from '../storage/store.ts'
import { authenticator, hashToken } from './authentication.ts'

/** A store of one token that counts what it is asked, and an authenticator on it at an instant that can be moved. */
function start(fields: Partial<Token> = {}) {
  const made = newToken({ name: 'x', applicationId: null, hashToken, now: 0 })
  let token: Token | null = { ...made.token, ...fields }
  let now = 1_000_000
  let asked = 0
  let listener: (applicationId: string | null) => void = () => {}
  const held: (() => void)[] = []
  let isHeld = false
  const store = {
    onChange: (given: typeof listener) => void (listener = given),
    findToken: async (hash: string) => {
      asked += 1
      const found = token?.hash === hash ? token : null
      if (isHeld) await new Promise<void>((resolve) => held.push(resolve))
      return found
    },
  } as unknown as Store
  const callers = authenticator({ store, clock: () => now, jwtSecrets: null })
  return {
    callers,
    find: async (text = made.text) => callers.find(`Bearer ${text}`),
    id: made.token.id,
    asked: () => asked,
    pass: (ms: number) => void (now += ms),
    revoke: () => {
      token = null
      listener(null)
    },
    hold: () => void (isHeld = true),
    release: () => {
      isHeld = false
      for (const resolve of held) resolve()
    },
  }
}

const UNAUTHORIZED = { code: 'unauthorized' }

test('a token that is known costs no query, until a change may have ended it', async () => {
  const { find, asked, revoke } = start()
  await find()
  await find()
  expect(asked()).toBe(1)
  revoke()
  await expect(find()).rejects.toMatchObject(UNAUTHORIZED)
})

test('what was read before a revocation is not remembered after it', async () => {
  const { find, hold, release, revoke } = start()
  hold()
  const reading = find()
  revoke()
  release()
  await reading
  await expect(find()).rejects.toMatchObject(UNAUTHORIZED)
})

test('a token is refused from the instant at which it expires, also when it is known', async () => {
  const { find, pass } = start({ expiresAt: 1_000_010 })
  await find()
  pass(9)
  await find()
  pass(1)
  await expect(find()).rejects.toMatchObject(UNAUTHORIZED)
})

test('a use is noted once a minute, however often a token is used', async () => {
  const { callers, find, pass, id } = start()
  for (let i = 0; i < 5; i++) await find()
  expect(callers.takeUses()).toEqual([{ tokenId: id, at: 1_000_000 }])
  pass(59_999)
  await find()
  expect(callers.takeUses()).toEqual([])
  pass(1)
  await find()
  expect(callers.takeUses()).toEqual([{ tokenId: id, at: 1_060_000 }])
})

test.for(['', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b', 'bearer'])(
  'the header %j names no token',
  (text) => {
    const { callers } = start()
    expect(() => callers.find(text)).toThrow(expect.objectContaining(UNAUTHORIZED))
  },
)
