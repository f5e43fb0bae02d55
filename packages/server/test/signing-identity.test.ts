import { createPublicKey, verify as verifyBytes } from 'node:crypto'

import { generateKeyPair, standardWebhooks, verify } from '@posthorn/receiver'
import { httpbis } from 'http-message-signatures'
import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { eventually } from './support/eventually.ts'
import { runCommand, startPosthorn } from './support/process.ts'
import { type ReceivedRequest, startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

interface Jwk {
  readonly kty: string
  readonly crv: string
  readonly x: string
  readonly kid: string
  readonly nbf: number
  readonly exp?: number
  readonly whpk: string
}

const keysAt = async (url: string): Promise<Jwk[]> => {
  const response = await fetch(`${url}/.well-known/webhook-keys.json`)
  return ((await response.json()) as { keys: Jwk[] }).keys
}

const isSignedWith = async (secret: string, { body, headers }: ReceivedRequest): Promise<boolean> => {
  const input = { method: 'POST', url: 'http://127.0.0.1/hook', headers, body }
  return (await verify(input, standardWebhooks({ secrets: secret }))).ok
}

test('the public keys are at a well-known place: without a token, to be kept for a while, and asked for again cheaply', async () => {
  const { url } = await startServer()
  const response = await fetch(`${url}/.well-known/webhook-keys.json`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/jwk-set+json')
  expect(response.headers.get('cache-control')).toBe('public, max-age=300')
  expect(await response.json()).toEqual({
    keys: [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: expect.stringMatching(/^[\w-]{43}$/),
        kid: expect.stringMatching(/^[\w-]{43}$/),
        use: 'sig',
        alg: 'EdDSA',
        nbf: expect.any(Number),
        whpk: expect.stringMatching(/^whpk_[\w+/]{43}=$/),
      },
    ],
  })
  const etag = response.headers.get('etag')!
  const again = await fetch(`${url}/.well-known/webhook-keys.json`, { headers: { 'if-none-match': etag } })
  expect(again.status).toBe(304)
  expect(await again.text()).toBe('')
})

test('an endpoint that chooses v1 and v1a gets both, and each verifies alone', async () => {
  const { api, url } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url, { signatures: ['v1', 'v1a'] })
  await api.send(application)
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  const [key] = await keysAt(url)
  expect(await isSignedWith(await api.secretOf(application, endpoint), request!)).toBe(true)
  expect(await isSignedWith(key!.whpk, request!)).toBe(true)
})

test('another implementation verifies the HTTP message signature of what arrived, with the key of the set', async () => {
  const { api, url } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  await api.makeEndpoint(application, `${receiver.url}/a%20b?x=1`, { signatures: ['rfc9421'] })
  await api.send(application)
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  const [{ kid, kty, crv, x }] = (await keysAt(url)) as [Jwk]
  const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' })
  const { headers, method, path, body } = request!

  const message = { method, url: `http://${headers['host']}${path}`, headers: { ...headers } }
  const isVerified = await httpbis.verifyMessage(
    {
      requiredFields: [
        '@method',
        '@authority',
        '@path',
        '@query',
        'content-digest',
        'content-type',
        'webhook-id',
      ],
      keyLookup: async ({ keyid }) =>
        keyid === kid
          ? {
              id: kid,
              algs: ['ed25519'],
              verify: async (data, signature) => verifyBytes(null, data, key, signature),
            }
          : null,
    },
    message,
  )
  expect(isVerified).toBe(true)
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(body))
  expect(headers['content-digest']).toBe(`sha-256=:${Buffer.from(digest).toString('base64')}:`)
  expect(headers).not.toHaveProperty('webhook-signature')
})

test('an endpoint with a key pair of its own is signed for with it, and only its public half is ever shown', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const { privateKey, publicKey } = await generateKeyPair()
  const endpoint = await api.makeEndpoint(application, receiver.url, { secret: privateKey })
  await api.send(application)
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  expect(await isSignedWith(publicKey, request!)).toBe(true)
  expect(await api.secretOf(application, endpoint)).toBe(publicKey)

  const path = `/app/${application}/endpoint/${endpoint}/secret/rotate`
  const next = await generateKeyPair()
  const client = { 'user-agent': 'svix-libs/2.9.1/python' }
  const answer = await api.call('POST', path, { key: next.privateKey }, client)
  expect(answer).toMatchObject({ status: 200, body: { key: next.publicKey } })

  const mixed = `whsk_${Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(32, 2)]).toString('base64')}`
  expect(await api.call('POST', path, { key: mixed })).toMatchObject({ status: 422 })
  expect(await api.secretOf(application, endpoint)).toBe(next.publicKey)
})

test('the server key is replaced beside a running server: both sign through the grace, and the set tells until when', async () => {
  const data = await temporaryFolder()
  const posthorn = await startPosthorn(data)
  const receiver = await startReceiver()
  const application = await posthorn.api.makeApplication()
  await posthorn.api.makeEndpoint(application, receiver.url, { signatures: ['v1a'] })
  const [old] = (await keysAt(posthorn.url)) as [Jwk]

  const made = await runCommand(['keys', 'rotate-signing', '--grace', '1h', '--data', data])
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('signs beside it until') })
  const log = await posthorn.api.ask<{ data: object[] }>('GET', '/audit-log?limit=1')
  const written = { actor: 'cli', tokenId: null, method: 'CLI', route: 'keys rotate-signing', status: 200 }
  expect(log.data).toMatchObject([{ ...written, resources: { id: expect.stringMatching(/^[\w-]+$/) } }])
  const keys = await eventually(
    () => keysAt(posthorn.url),
    (seen) => expect(seen).toHaveLength(2),
  )
  expect(keys[0]).toMatchObject({ whpk: made.stdout.trim() })
  expect(keys[0]).not.toHaveProperty('exp')
  expect(keys[1]).toMatchObject({ kid: old.kid, exp: expect.any(Number) })
  const id = await posthorn.api.send(application)
  const requests = await receiver.waitFor((all) => all.some((request) => request.id === id))
  const request = requests.find((each) => each.id === id)!
  expect(await isSignedWith(keys[0]!.whpk, request)).toBe(true)
  expect(await isSignedWith(old.whpk, request)).toBe(true)

  await runCommand(['keys', 'rotate-signing', '--grace', '0s', '--data', data])
  const after = await eventually(
    () => keysAt(posthorn.url),
    (seen) => expect(seen.map(({ kid }) => kid)).not.toContain(keys[0]!.kid),
  )
  // The one before goes at once; the one before that keeps its hour.
  expect(after.map(({ kid }) => kid).slice(1)).toEqual([old.kid])
  expect(await posthorn.kill('SIGTERM')).toBe(0)
  const again = await startPosthorn(data)
  expect(await keysAt(again.url)).toEqual(after)

  const wrong = await runCommand(['keys', 'rotate-signing', '--grace', '1y', '--data', data])
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('--grace') })
})
