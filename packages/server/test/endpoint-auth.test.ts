/** Credentials that an endpoint is shown with each delivery, against real servers. @module */

import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'

import { expect, onTestFinished, test } from 'vitest'

import { verifyOrThrow, standardWebhooks } from '@posthorn/receiver'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { makeAuthority } from './support/certificates.ts'
import { eventually } from './support/eventually.ts'
import { gate, startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'
import { onRequest, serveSockets } from './support/socket-server.ts'
import { granted, startTokenServer } from './support/token-server.ts'

const BASIC = { type: 'basic', username: 'Aladdin', password: 'open sesame' }
const oauth2 = (tokenUrl: string, fields: object = {}) => ({
  type: 'oauth2',
  tokenUrl,
  clientId: 'posthorn:1',
  clientSecret: 's3cret & more',
  ...fields,
})

async function start(flags: Readonly<Record<string, unknown>> = {}) {
  const server = await startServer({ 'retry-schedule': 'none', ...flags })
  const application = await server.api.makeApplication({ uid: 'acme' })
  return { ...server, application, path: `/app/${application}/endpoint` }
}

test('basic credentials go in the header authorization, and are never shown again', async () => {
  const { api, application, path, data } = await start()
  const receiver = await startReceiver()
  const id = await api.makeEndpoint(application, receiver.url, { auth: BASIC })
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
  // The example of RFC 7617, section 2.
  expect(receiver.requests[0]!.headers['authorization']).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==')

  const shown = await api.call('GET', `${path}/${id}`)
  expect(shown.body).toMatchObject({ auth: { type: 'basic', username: 'Aladdin' } })
  const preview = await api.call('POST', `/app/${application}/msg/preview`, { eventType: 'a', payload: {} })
  expect(preview.text).toContain('"authorization":"***"')
  for (const { text } of [shown, preview, await api.call('GET', path)]) {
    expect(text).not.toContain('open sesame')
    expect(text).not.toContain('QWxhZGRpbjpvcGVuIHNlc2FtZQ')
  }
  for (const name of await readdir(data)) {
    const isThere = (await readFile(join(data, name))).includes('open sesame')
    expect({ name, isThere }).toEqual({ name, isThere: false })
  }

  await api.ask('PUT', `${path}/${id}`, { url: receiver.url, description: 'says nothing of credentials' })
  expect(await api.ask('GET', `${path}/${id}`)).toMatchObject({ auth: { type: 'basic' } })
  await api.ask('PATCH', `${path}/${id}`, { auth: null })
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 2)
  expect(receiver.requests[1]!.headers).not.toHaveProperty('authorization')
})

test('operational endpoints have credentials too', async () => {
  const { api } = await start()
  const receiver = await startReceiver()
  await api.ask('POST', '/operational-webhook/endpoint', { url: receiver.url, auth: BASIC })
  const other = await api.makeApplication()
  await api.makeEndpoint(other, receiver.url, { disabled: true })
  await receiver.waitFor((requests) => requests.length > 0)
  expect(receiver.requests[0]!.headers['authorization']).toMatch(/^Basic /)
})

test('credentials that are not right are refused, by field', async () => {
  const { api, path } = await start()
  const authority = makeAuthority()
  const { certificate, key } = authority.issue()
  const expired = authority.issue({ notBefore: '20200101000000Z', notAfter: '20210101000000Z' })
  const mtls = { type: 'mtls', certificate, privateKey: key }
  const https = 'https://acme.example/'
  const cases: [fields: object, place: string, words: string][] = [
    [{ auth: { type: 'digest' } }, 'auth.type', 'must be one of basic, oauth2, mtls'],
    [{ auth: { type: 'basic', username: 'a' } }, 'auth.password', 'is required'],
    [{ auth: { ...BASIC, username: 'a:b' } }, 'auth.username', 'colon'],
    [{ auth: { ...BASIC, password: 'a\nb' } }, 'auth.password', 'control'],
    [{ auth: BASIC, headers: { Authorization: 'x' } }, 'auth', 'remove one of the two'],
    [{ auth: oauth2('http://169.254.169.254/token') }, 'auth.tokenUrl', 'link-local'],
    [{ auth: oauth2('https://user:pass@auth.example/') }, 'auth.tokenUrl', 'password'],
    [{ auth: oauth2('https://auth.example/', { scope: 'ä' }) }, 'auth.scope', 'pattern'],
    [{ auth: mtls, url: 'http://127.0.0.1:1/' }, 'auth', 'https'],
    [{ auth: { ...mtls, certificate: key } }, 'auth.certificate', 'no certificate'],
    [
      { auth: { ...mtls, certificate: certificate.replaceAll('M', 'A') } },
      'auth.certificate',
      'cannot be read',
    ],
    [{ auth: { ...mtls, certificate: expired.certificate } }, 'auth.certificate', 'expired on 2021-01-01'],
    [{ auth: { ...mtls, privateKey: 'none' } }, 'auth.privateKey', 'no private key'],
    [{ auth: { ...mtls, privateKey: authority.issue().key } }, 'auth.privateKey', 'not the key'],
  ]
  for (const [fields, place, words] of cases) {
    const reply = await api.call('POST', path, { url: https, ...fields })
    const { detail } = reply.body as { detail: { loc: string[]; msg: string }[] }
    expect({ words, status: reply.status, places: detail.map(({ loc }) => loc.join('.')) }).toEqual({
      words,
      status: 422,
      places: [`body.${place}`],
    })
    expect(detail[0]!.msg).toContain(words)
  }
  expect(await api.ask('GET', path)).toMatchObject({ data: [] })
})

test('a header authorization and credentials that set it exclude each other, in whichever order they come', async () => {
  const { api, application, path } = await start()
  const url = 'https://acme.example/'
  const id = await api.makeEndpoint(application, url, { auth: BASIC })
  const refused = { status: 422, body: { detail: [{ loc: ['body', 'headers'] }] } }
  for (const [method, where, body] of [
    ['PUT', `${path}/${id}/headers`, { headers: { AUTHORIZATION: 'x' } }],
    ['PATCH', `${path}/${id}/headers`, { headers: { authorization: 'x' } }],
    ['PATCH', `${path}/${id}`, { headers: { authorization: 'x' } }],
    ['PUT', `${path}/${id}`, { url, headers: { authorization: 'x' } }],
  ] as const) {
    expect(await api.call(method, where, body)).toMatchObject(refused)
  }
  const other = await api.makeEndpoint(application, url, { headers: { authorization: 'x' } })
  const given = await api.call('PATCH', `${path}/${other}`, { auth: BASIC })
  expect(given).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'auth'] }] } })
  // The one takes the place of the other in one change.
  const both = { auth: BASIC, headers: {} }
  expect(await api.call('PATCH', `${path}/${other}`, both)).toMatchObject({ status: 200 })
})

test('a token is got once for many deliveries that wait for it, and kept', async () => {
  const { api, application } = await start()
  const receiver = await startReceiver()
  const tokens = await startTokenServer()
  const held = gate()
  tokens.answerWith(async (turn) => {
    await held.opened
    return granted(`token-${turn}`)
  })
  await api.makeEndpoint(application, receiver.url, {
    auth: oauth2(tokens.url, { scope: 'hooks:write', audience: 'acme' }),
  })
  await Promise.all(Array.from({ length: 10 }, () => api.send(application)))
  await tokens.receiver.waitFor((requests) => requests.length > 0)
  expect(receiver.requests).toHaveLength(0)
  held.open()
  await receiver.waitFor((requests) => requests.length === 10)
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 11)
  expect(new Set(receiver.requests.map(({ headers }) => headers['authorization']))).toEqual(
    new Set(['Bearer token-1']),
  )
  expect(tokens.receiver.requests).toHaveLength(1)
  const [asked] = tokens.receiver.requests
  expect(Object.fromEntries(tokens.forms()[0]!)).toEqual({
    grant_type: 'client_credentials',
    scope: 'hooks:write',
    audience: 'acme',
  })
  // Source: RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
  const pair = Buffer.from('posthorn%3A1:s3cret+%26+more').toString('base64')
  expect(asked!.headers).toMatchObject({
    authorization: `Basic ${pair}`,
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  })
})

test('client credentials may go in the body of the token request', async () => {
  const { api, application } = await start()
  const receiver = await startReceiver()
  const tokens = await startTokenServer()
  await api.makeEndpoint(application, receiver.url, {
    auth: oauth2(tokens.url, { clientAuthentication: 'body' }),
  })
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
  expect(Object.fromEntries(tokens.forms()[0]!)).toEqual({
    grant_type: 'client_credentials',
    client_id: 'posthorn:1',
    client_secret: 's3cret & more',
  })
  expect(tokens.receiver.requests[0]!.headers).not.toHaveProperty('authorization')
})

test('a kept token that the endpoint refuses is got anew within the same attempt, once', async () => {
  const { api, application } = await start()
  const receiver = await startReceiver()
  const tokens = await startTokenServer()
  let accepted = 'Bearer token-1'
  receiver.answerWith(({ headers }) => ({ status: headers['authorization'] === accepted ? 204 : 401 }))
  const endpoint = await api.makeEndpoint(application, receiver.url, { auth: oauth2(tokens.url) })
  const secret = await api.secretOf(application, endpoint)
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)

  accepted = 'Bearer token-2'
  const message = await api.send(application)
  const [attempt, ...more] = await eventually(
    () => api.attemptsOf(application, message),
    (attempts) => expect(attempts).toHaveLength(1),
  )
  expect(more).toEqual([])
  expect(attempt).toMatchObject({ responseStatusCode: 204, failure: null })
  expect(receiver.requests.slice(1).map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer token-1',
    'Bearer token-2',
  ])
  // The same request with another token: id, body and signature are those of the attempt.
  const [before, after] = receiver.requests
    .slice(1)
    .map(({ headers }) => Object.entries(headers).filter(([name]) => name !== 'authorization'))
  expect(after).toEqual(before)
  await verifyOrThrow(receiver.requests[2]!, standardWebhooks({ secrets: secret }))

  // A token that was got for this attempt is not got again.
  accepted = 'none'
  const refused = await api.send(application)
  await eventually(
    () => api.attemptsOf(application, refused),
    (attempts) => expect(attempts).toMatchObject([{ responseStatusCode: 401, failure: null }]),
  )
  expect(receiver.requests).toHaveLength(5)
  expect(tokens.receiver.requests).toHaveLength(3)
})

test('a token that cannot be got is the failure of the attempt, without any secret in it', async () => {
  const { api, application, path } = await start()
  const receiver = await startReceiver()
  const tokens = await startTokenServer()
  const endpoint = await api.makeEndpoint(application, receiver.url, { auth: oauth2(tokens.url) })
  const detail = (error: string) => JSON.stringify({ error, error_description: 'you sent s3cret & more' })
  const cases = [
    [{ status: 401, body: detail('invalid_client') }, 'answered with 401, invalid_client'],
    [{ status: 400, body: detail('s3cret & more') }, 'answered with 400'],
    [{ status: 200, body: '<html>' }, 'no JSON object'],
    [{ status: 200, body: '{"access_token":"a\\r\\nx: y"}' }, 'no access_token that can be sent'],
    [{ status: 200, body: '{"access_token":"t","token_type":"mac"}' }, 'not of the type Bearer'],
    [{ status: 302, headers: { location: receiver.url } }, 'answered with 302'],
    ['reset', 'connection_reset'],
  ] as const
  for (const [answer, words] of cases) {
    tokens.answerWith(() => answer)
    const message = await api.send(application)
    const [attempt] = await eventually(
      () => api.attemptsOf(application, message),
      (attempts) => expect(attempts).toHaveLength(1),
    )
    expect(attempt).toMatchObject({ failure: 'auth_failure', responseStatusCode: 0 })
    expect(attempt!.response).toContain(words)
    expect(attempt!.response).not.toContain('s3cret')
    const explained = await api.call('GET', `/app/${application}/msg/${message}/explain`)
    expect(explained.text).toContain('no access token was got for it')
  }
  expect(receiver.requests).toHaveLength(0)

  tokens.answerWith((turn) => granted(`token-${turn}`))
  const shown = await api.call('GET', `${path}/${endpoint}`)
  expect(shown.body).toMatchObject({
    auth: {
      type: 'oauth2',
      tokenUrl: tokens.url,
      clientId: 'posthorn:1',
      scope: null,
      clientAuthentication: 'basic',
    },
  })
  expect(shown.text).not.toContain('s3cret')
  await api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
})

test('a token server that never answers is waited for no longer than the attempt may take', async () => {
  const { api, application } = await start({ 'attempt-timeout': '1s' })
  const receiver = await startReceiver()
  const tokens = await startTokenServer()
  tokens.answerWith(() => 'nothing')
  await api.makeEndpoint(application, receiver.url, { auth: oauth2(tokens.url) })
  const message = await api.send(application)
  const [attempt] = await eventually(
    () => api.attemptsOf(application, message),
    (attempts) => expect(attempts).toMatchObject([{ failure: 'auth_failure', responseStatusCode: 0 }]),
  )
  expect(attempt!.response).toContain('no access token')
  expect(receiver.requests).toHaveLength(0)
})

test('a token that is about to expire is not used, nor one that was got for other credentials', async () => {
  const { api, application, path } = await start()
  const receiver = await startReceiver()
  // Its last tenth is all of it that is left when it comes.
  const tokens = await startTokenServer(0)
  const endpoint = await api.makeEndpoint(application, receiver.url, { auth: oauth2(tokens.url) })
  for (const sent of [1, 2]) {
    await api.send(application)
    await receiver.waitFor((requests) => requests.length === sent)
  }
  expect(tokens.receiver.requests).toHaveLength(2)

  tokens.answerWith((turn) => granted(`token-${turn}`))
  for (const clientId of ['one', 'one', 'two']) {
    const sent = receiver.requests.length + 1
    await api.ask('PATCH', `${path}/${endpoint}`, { auth: oauth2(tokens.url, { clientId }) })
    await api.send(application)
    await receiver.waitFor((requests) => requests.length === sent)
  }
  expect(tokens.receiver.requests).toHaveLength(4)
})

test('a client certificate is shown to the endpoint, and its private key to nobody', async () => {
  const authority = makeAuthority()
  const { certificate, key } = authority.issue()
  const caFile = join(await temporaryFolder(), 'authority.pem')
  await writeFile(caFile, authority.certificate)
  const { api, application, path } = await start({ 'tls-ca-file': caFile })
  const names: string[] = []
  const receiver = await serveSockets(
    (socket) => {
      onRequest(socket, () => {
        names.push(String((socket as TLSSocket).getPeerCertificate().subject?.CN ?? '-'))
        socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      })
    },
    { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
  )
  onTestFinished(() => receiver.close())
  const own = authority.issue({ commonName: 'Posthorn of Acme' })
  // Files with the certificate and the key together are usual: what is shown is the certificate alone.
  const auth = { type: 'mtls', certificate: own.key + own.certificate, privateKey: own.key }
  const url = `https://127.0.0.1:${receiver.port}/`
  const id = await api.makeEndpoint(application, url, { auth })
  const message = await api.send(application)
  await eventually(
    () => api.attemptsOf(application, message),
    (attempts) => expect(attempts).toMatchObject([{ responseStatusCode: 204 }]),
  )
  expect(names).toEqual(['Posthorn of Acme'])

  const shown = await api.call('GET', `${path}/${id}`)
  expect(shown.body).toMatchObject({
    auth: { type: 'mtls', certificate: own.certificate, certificateExpiresAt: '2099-01-01T00:00:00.000Z' },
  })
  expect(shown.text).not.toContain('PRIVATE KEY')
  expect(await api.call('PATCH', `${path}/${id}`, { url: 'http://127.0.0.1:1/' })).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ['body', 'url'] }] },
  })
})
