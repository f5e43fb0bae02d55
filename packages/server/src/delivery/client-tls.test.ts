/** The guarded client over TLS: whom it trusts, and what it shows of itself. @module */

import type { TLSSocket, TlsOptions } from 'node:tls'

import { expect, onTestFinished, test, vi } from 'vitest'

import { type Authority, makeAuthority } from '../../test/support/certificates.ts'
import { onRequest, serveSockets } from '../../test/support/socket-server.ts'
import { type GuardedClientOptions, guardedClient } from './guarded-client.ts'

/** Starts a receiver that answers with the name in the certificate that it is shown, or `-`. */
async function startReceiver(authority: Authority, options: TlsOptions = {}) {
  const { certificate, key } = authority.issue({ names: ['127.0.0.1', 'receiver.example'] })
  const sockets: TLSSocket[] = []
  const server = await serveSockets(
    (socket) => {
      sockets.push(socket as TLSSocket)
      const name = String((socket as TLSSocket).getPeerCertificate().subject?.CN ?? '-')
      onRequest(socket, () =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${name.length}\r\n\r\n${name}`),
      )
    },
    { cert: certificate, key, ...options },
  )
  onTestFinished(() => server.close())
  return { url: new URL(`https://127.0.0.1:${server.port}/`), sockets }
}

function posting(options: Partial<GuardedClientOptions>) {
  const client = guardedClient({ policy: { allowLoopback: true, allowHttp: false }, ...options })
  onTestFinished(() => client.close())
  return (url: URL, tls?: { certificate: string; key: string }) =>
    client.post({
      url,
      headers: {},
      body: Buffer.from('{}'),
      timeoutMs: 60_000,
      ...(tls === undefined ? {} : { tls }),
    })
}

test('an authority of the operator is trusted beside the usual ones, and only where it is given', async () => {
  const authority = makeAuthority()
  const { url } = await startReceiver(authority)
  const trusting = posting({ tls: { extraAuthorities: [authority.certificate] } })
  expect(await trusting(url)).toMatchObject({ kind: 'answered', statusCode: 200 })
  for (const tls of [{}, { extraAuthorities: [makeAuthority().certificate] }]) {
    expect(await posting({ tls })(url)).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
  }
})

test('the environment cannot switch verification off', async () => {
  const { url } = await startReceiver(makeAuthority())
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(await posting({})(url)).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
})

test('the oldest version of TLS is the operator’s to choose', async () => {
  const authority = makeAuthority()
  const { url } = await startReceiver(authority, { maxVersion: 'TLSv1.2' })
  const extraAuthorities = [authority.certificate]
  expect(await posting({ tls: { extraAuthorities } })(url)).toMatchObject({ kind: 'answered' })
  const strict = posting({ tls: { extraAuthorities, minVersion: 'TLSv1.3' } })
  expect(await strict(url)).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
})

test('a name is sent without the dot at its end, and the certificate is held to it', async () => {
  const authority = makeAuthority()
  const { url, sockets } = await startReceiver(authority)
  const lookup = ((_name: string, _options: object, callback: (...args: unknown[]) => void) =>
    callback(null, [{ address: '127.0.0.1', family: 4 }])) as never
  const post = posting({ tls: { extraAuthorities: [authority.certificate] }, lookup })
  url.hostname = 'receiver.example.'
  expect(await post(url)).toMatchObject({ kind: 'answered', statusCode: 200 })
  expect(sockets[0]!.servername).toBe('receiver.example')
  url.hostname = 'other.example'
  expect(await post(url)).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
})

test.for([
  ['connections', { perKey: 1, total: 10 }, 3],
  // Nothing is kept, so that only a TLS session could go on from one request to the next.
  ['sessions', { perKey: 0, total: 0 }, 6],
] as const)('each client certificate has %s of its own', async ([, idleLimits, expectedSockets]) => {
  const authority = makeAuthority()
  const { url, sockets } = await startReceiver(authority, {
    requestCert: true,
    rejectUnauthorized: false,
    ca: authority.certificate,
    // Its sessions are there before the first answer.
    maxVersion: 'TLSv1.2',
  })
  const client = guardedClient({
    policy: { allowLoopback: true, allowHttp: false },
    tls: { extraAuthorities: [authority.certificate] },
    idleLimits,
  })
  onTestFinished(() => client.close())
  const alice = { tls: authority.issue({ commonName: 'Alice' }) }
  const bob = { tls: authority.issue({ commonName: 'Bob' }) }
  const shown: string[] = []
  for (const identity of [alice, bob, {}, alice, bob, {}]) {
    const request = { url, headers: {}, body: Buffer.from('{}'), timeoutMs: 60_000 }
    const result = await client.post({ ...request, ...identity })
    shown.push(result.kind === 'answered' ? result.body : result.detail)
    await vi.waitFor(() => expect(client.connections.open).toBe(client.connections.idle), {
      timeout: 50_000,
    })
  }
  expect(shown).toEqual(['Alice', 'Bob', '-', 'Alice', 'Bob', '-'])
  expect(sockets).toHaveLength(expectedSockets)
})

test('a client certificate that cannot be used is a failure of that attempt, and says so', async () => {
  const authority = makeAuthority()
  const { url, sockets } = await startReceiver(authority)
  const post = posting({ tls: { extraAuthorities: [authority.certificate] } })
  const { certificate } = authority.issue()
  for (const tls of [
    { certificate: 'none', key: 'none' },
    { certificate, key: authority.issue().key },
  ]) {
    const result = await post(url, tls)
    expect(result).toMatchObject({ kind: 'failed', reason: 'tls_failure' })
    expect(result.kind === 'failed' && result.detail).toContain('our client certificate cannot be used')
  }
  expect(sockets).toHaveLength(0)
})
