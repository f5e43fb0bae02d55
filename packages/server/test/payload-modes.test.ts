/** The forms in which payloads are sent, as the CloudEvents SDK and a verifier read them. @module */

import { CloudEvent, HTTP } from 'cloudevents'
import { expect, test } from 'vitest'

import { standardWebhooks, verifyOrThrow } from '@posthorn/receiver'

import { type ReceivedRequest, startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

const PAYLOAD = '{"total": 1.0,  "n": 7}'

/** A server, a receiver and an endpoint of it with these settings. */
async function start(settings: object, flags: Readonly<Record<string, unknown>> = {}) {
  const { api } = await startServer(flags)
  const receiver = await startReceiver()
  const application = await api.makeApplication({ uid: 'acme' })
  const endpoint = await api.makeEndpoint(application, receiver.url, settings)
  const scheme = standardWebhooks({ secrets: await api.secretOf(application, endpoint) })
  /** Sends a message and returns its request, whose signature covers the bytes that came. */
  const deliver = async (body: string | object): Promise<{ id: string; request: ReceivedRequest }> => {
    const number = receiver.requests.length + 1
    const { id } = await api.ask('POST', `/app/${application}/msg`, body)
    const request = (await receiver.waitFor((requests) => requests.length === number)).at(-1)!
    await verifyOrThrow(request, scheme)
    return { id, request }
  }
  return { api, application, endpoint, receiver, scheme, deliver }
}

const json = `{"eventType":"invoice.paid","payload":${PAYLOAD}}`
const raw = (text: string, contentType: string) => ({
  eventType: 'invoice.paid',
  payload: {},
  transformationsParams: { rawPayload: text, headers: { 'content-type': contentType } },
})

const eventOf = (request: ReceivedRequest) => {
  const headers = { ...request.headers }
  return HTTP.toEvent({ headers, body: request.body.toString() }) as CloudEvent<unknown>
}

test('a binary event has its attributes in headers, and the payload as its body', async () => {
  const { deliver } = await start(
    { payloadMode: 'cloudevents-binary' },
    { 'public-url': 'https://hooks.example.com/' },
  )
  const { id, request } = await deliver(json)
  expect(request.body.toString()).toBe(PAYLOAD)
  expect(request.headers).toMatchObject({
    'content-type': 'application/json',
    'ce-id': id,
    'ce-specversion': '1.0',
    'ce-type': 'invoice.paid',
    'ce-source': 'https://hooks.example.com/app/acme',
  })
  const event = eventOf(request)
  expect(event.validate()).toBe(true)
  expect(event).toMatchObject({
    id,
    source: 'https://hooks.example.com/app/acme',
    type: 'invoice.paid',
    datacontenttype: 'application/json',
    data: { total: 1, n: 7 },
  })
  expect(Math.abs(Date.parse(event.time!) - request.receivedAt)).toBeLessThan(60_000)

  const text = await deliver(raw('plain', 'text/plain; charset=utf-8'))
  expect(text.request.body.toString()).toBe('plain')
  expect(text.request.headers).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'ce-id': text.id,
  })
})

test('a structured event has a JSON payload as its data, byte for byte, and any other in base64', async () => {
  const { deliver } = await start({ payloadMode: 'cloudevents-structured' })
  const { id, request } = await deliver(json)
  expect(request.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
  expect(request.body.toString()).toContain(`"data":${PAYLOAD}}`)
  const event = eventOf(request)
  expect(event.validate()).toBe(true)
  expect(event).toMatchObject({
    id,
    source: '/app/acme',
    type: 'invoice.paid',
    datacontenttype: 'application/json',
    data: { total: 1, n: 7 },
  })

  const xml = await deliver(raw('<a>ü</a>', 'application/xml'))
  const read = eventOf(xml.request)
  expect(read).toMatchObject({ id: xml.id, datacontenttype: 'application/xml' })
  expect(Buffer.from(read.data_base64!, 'base64').toString()).toBe('<a>ü</a>')
})

test('a batch of structured events is one CloudEvents batch', async () => {
  const { api, application, receiver, scheme } = await start({
    payloadMode: 'cloudevents-structured',
    batch: { maxEvents: 3, maxWaitMs: 60_000 },
  })
  const ids: string[] = []
  for (let n = 0; n < 3; n++) ids.push(await api.send(application, { payload: { n } }))
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  await verifyOrThrow(request!, scheme)
  expect(request!.headers['content-type']).toBe('application/cloudevents-batch+json; charset=utf-8')
  const events = HTTP.toEvent({
    headers: { ...request!.headers },
    body: request!.body.toString(),
  }) as CloudEvent<{ n: number }>[]
  expect(events.map((event) => event.validate())).toEqual([true, true, true])
  expect(events.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  expect(new Set(events.map(({ data }) => data!.n))).toEqual(new Set([0, 1, 2]))
})

test('a batch of binary events is refused, whichever of the two comes last', async () => {
  const { api, application, receiver, endpoint } = await start({})
  const path = `/app/${application}/endpoint`
  const batch = { maxEvents: 3, maxWaitMs: 0 }
  const refused = { status: 422, body: { detail: [{ loc: ['body', 'payloadMode'] }] } }
  const both = { url: receiver.url, batch, payloadMode: 'cloudevents-binary' }
  expect(await api.call('POST', path, both)).toMatchObject(refused)
  await api.ask('PATCH', `${path}/${endpoint}`, { batch })
  const binary = { payloadMode: 'cloudevents-binary' }
  expect(await api.call('PATCH', `${path}/${endpoint}`, binary)).toMatchObject(refused)
  expect(await api.call('PUT', `${path}/${endpoint}`, { url: receiver.url, ...binary })).toMatchObject(
    refused,
  )
  await api.ask('PATCH', `${path}/${endpoint}`, { batch: null, ...binary })
  expect(await api.call('PATCH', `${path}/${endpoint}`, { batch })).toMatchObject(refused)
})

test('an attribute of the event cannot be set by hand', async () => {
  const { api, application, receiver } = await start({})
  const body = { url: receiver.url, headers: { 'CE-Id': 'forged' } }
  expect(await api.call('POST', `/app/${application}/endpoint`, body)).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ['body', 'headers', 'CE-Id'] }] },
  })
})

test('the preview shows the form that is sent', async () => {
  const { api, application, endpoint } = await start({ payloadMode: 'cloudevents-structured' })
  const preview = await api.call('POST', `/app/${application}/msg/preview`, {
    eventType: 'a',
    payload: { n: 1 },
  })
  expect(preview.text).toContain(endpoint)
  expect(preview.text).toContain('application/cloudevents+json')
})
