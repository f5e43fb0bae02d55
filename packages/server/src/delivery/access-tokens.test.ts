import { expect, test } from 'vitest'

import type { OAuth2Auth } from '../domain/endpoint-auth.ts'
import { AccessTokens } from './access-tokens.ts'

const AUTH: OAuth2Auth = {
  type: 'oauth2',
  tokenUrl: 'https://auth.example/token',
  clientId: 'c',
  clientSecret: 's',
  scope: null,
  audience: null,
  resource: null,
  clientAuthentication: 'basic',
}

/** Tokens of a server that grants `t1`, `t2` and so on with these fields, on a clock that stands at 0. */
function startTokens(fields: object) {
  let now = 0
  let number = 0
  const tokens = new AccessTokens({
    client: {
      async post() {
        const body = JSON.stringify({ access_token: `t${++number}`, ...fields })
        return { kind: 'answered', statusCode: 200, retryAfter: undefined, body }
      },
    },
    clock: () => now,
    userAgent: 'test',
    timeoutMs: 1_000,
  })
  return {
    tokens,
    tokenOf: async (id: string, at = 0) => {
      now = at
      const kept = tokens.keptToken(id, AUTH)
      if (kept !== null) return kept
      const result = await tokens.newToken(id, AUTH)
      return result.kind === 'token' ? result.token : result.detail
    },
  }
}

// By milliseconds: the last at which the token is used still.
test.each([
  [{ expires_in: 3_600 }, 3_539_999],
  [{ expires_in: 100 }, 89_999],
  [{ expires_in: '100' }, 89_999],
  [{}, 269_999],
])('a token that is granted with %j is used until shortly before its end', async (fields, lastMs) => {
  const { tokenOf } = startTokens(fields)
  expect(await tokenOf('ep_1')).toBe('t1')
  expect(await tokenOf('ep_1', lastMs)).toBe('t1')
  expect(await tokenOf('ep_1', lastMs + 1)).toBe('t2')
})

test('no more tokens are kept than may be, and the one unused for longest goes first', async () => {
  const { tokenOf } = startTokens({ expires_in: 3_600 })
  await tokenOf('kept')
  await tokenOf('dropped')
  for (let i = 0; i < 9_998; i++) await tokenOf(`ep_${i}`)
  expect(await tokenOf('kept')).toBe('t1')
  await tokenOf('one more')
  expect(await tokenOf('kept')).toBe('t1')
  expect(await tokenOf('dropped')).toBe('t10002')
})

test('a refused token is forgotten, and one that was got since then is not', async () => {
  const { tokens, tokenOf } = startTokens({ expires_in: 3_600 })
  await tokenOf('ep_1')
  tokens.refuse('ep_1', 't1')
  expect(await tokenOf('ep_1')).toBe('t2')
  tokens.refuse('ep_1', 't1')
  expect(await tokenOf('ep_1')).toBe('t2')
})
