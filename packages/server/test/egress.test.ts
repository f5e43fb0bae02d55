import { expect, test } from 'vitest'

import { apiOf } from './support/api.ts'
import { startServer } from './support/server.ts'

interface Egress {
  readonly addresses: readonly string[]
  readonly signingKeys: readonly { readonly id: string; readonly publicKey: string }[]
  readonly signingKeysUrl: string
}

test('every token may read which addresses deliveries come from', async () => {
  const { api, url } = await startServer({ 'egress-addresses': '203.0.113.7, 2001:db8:12::/64' })
  await api.makeApplication({ uid: 'acme' })
  const { token } = await api.ask<{ token: string }>('POST', '/auth/app-portal-access/acme', {})
  for (const each of [api, apiOf(url, token)]) {
    const { addresses } = await each.ask<Egress>('GET', '/egress')
    expect(addresses).toEqual(['203.0.113.7', '2001:db8:12::/64'])
  }
  expect(await apiOf(url, null).call('GET', '/egress')).toMatchObject({ status: 401 })
})

test('where the operator has named no addresses there are none', async () => {
  const { api } = await startServer()
  expect(await api.ask('GET', '/egress')).toMatchObject({ addresses: [] })
})

test('the keys that sign are those of the key set that it links to', async () => {
  const { api } = await startServer()
  const { signingKeys, signingKeysUrl } = await api.ask<Egress>('GET', '/egress')
  const { keys } = (await (await fetch(signingKeysUrl)).json()) as { keys: { kid: string; whpk: string }[] }
  expect(keys.length).toBeGreaterThan(0)
  expect(signingKeys.map(({ id, publicKey }) => [id, publicKey])).toEqual(
    keys.map(({ kid, whpk }) => [kid, whpk]),
  )
})
