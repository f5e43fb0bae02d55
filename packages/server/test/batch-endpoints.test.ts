import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

interface Envelope {
  readonly id: string
  readonly eventType: string
  readonly timestamp: string
  readonly payload?: unknown
  readonly payloadBase64?: string
  readonly contentType?: string
}

const envelopesOf = ({ body }: { body: Buffer }) => JSON.parse(body.toString()) as Envelope[]

test('a batch has each message in an envelope with its own bytes, under one signature', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const batch = { maxEvents: 3, maxWaitMs: 60_000 }
  const endpoint = await api.makeEndpoint(application, receiver.url, { batch })
  // As the API takes them: a number that a parser would round, and what is not JSON at all.
  const numbers = await api.ask(
    'POST',
    `/app/${application}/msg`,
    '{"eventType":"a.b","payload":{"total": 1.00, "id":12345678901234567890}}',
  )
  const text = await api.send(application, {
    transformationsParams: { rawPayload: 'a,b\n"1"', headers: { 'content-type': 'text/csv' } },
  })
  const plain = await api.send(application, { payload: { of: 'three' } })

  const [request] = await receiver.waitFor(({ length }) => length === 1)
  new Webhook(await api.secretOf(application, endpoint)).verify(request!.body, request!.headers)
  expect(request!.headers['content-type']).toBe('application/json')
  expect(request!.body.toString()).toContain('"payload":{"total": 1.00, "id":12345678901234567890}')
  const envelopes = envelopesOf(request!)
  expect(envelopes.map(({ id }) => id)).toEqual([numbers.id, text, plain])
  expect(envelopes[0]).toMatchObject({ eventType: 'a.b', timestamp: expect.stringMatching(/Z$/) as string })
  expect(envelopes[1]).toMatchObject({ contentType: 'text/csv' })
  expect(Buffer.from(envelopes[1]!.payloadBase64!, 'base64').toString()).toBe('a,b\n"1"')
  expect(envelopes[2]!.payload).toEqual({ of: 'three' })
  for (const message of [numbers.id, text, plain]) {
    await eventually(
      () => api.attemptsOf(application, message),
      (attempts) => expect(attempts).toMatchObject([{ endpointId: endpoint, responseStatusCode: 204 }]),
    )
  }
})

test('what is too few for a batch goes when the first of them has waited', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  await api.makeEndpoint(application, receiver.url, { batch: { maxEvents: 100, maxWaitMs: 50 } })
  const sent = [await api.send(application), await api.send(application)]
  await receiver.waitFor((requests) => requests.flatMap(envelopesOf).length === 2)
  expect(receiver.requests.flatMap(envelopesOf).map(({ id }) => id)).toEqual(sent)
})

test('a batch that fails is sent again under the same id, and one event that always fails does not hold the others', async () => {
  const { api } = await startServer({ 'retry-schedule': '10ms,10ms,10ms,10ms,10ms' })
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  // Two times all three go together, however long they take to gather; from then on what is left goes soon.
  const batch = { maxEvents: 3, maxWaitMs: 60_000 }
  const endpoint = await api.makeEndpoint(application, receiver.url, { batch })
  receiver.answerWith(async (request, turn) => {
    if (turn === 2) {
      const sooner = { batch: { ...batch, maxWaitMs: 50 } }
      await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, sooner)
    }
    return { status: turn > 1 && !request.body.includes('poison') ? 204 : 500 }
  })
  const send = (payload: object) => api.send(application, { payload })
  const [good, poison, other] = [await send({ a: 1 }), await send({ poison: true }), await send({ b: 2 })]

  await eventually(
    async () =>
      Promise.all(
        [good, poison, other].map(async (id) => (await api.deliveriesOf(application, id))[0]!.statusText),
      ),
    (statuses) => expect(statuses).toEqual(['success', 'fail', 'success']),
  )
  const [first, second] = receiver.requests
  expect(second!.id).toBe(first!.id)
  expect(envelopesOf(second!).map(({ id }) => id)).toEqual([good, poison, other])
  expect(first!.id).toMatch(/^batch_/)
})

test('what gathers when batches are switched off goes at once, each on its own, and none is lost', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const batch = { maxEvents: 100, maxWaitMs: 60_000 }
  const endpoint = await api.makeEndpoint(application, receiver.url, { batch })
  const sent = [await api.send(application), await api.send(application), await api.send(application)]
  await api.ask('PATCH', `/app/${application}/endpoint/${endpoint}`, { batch: null })
  await receiver.waitFor(({ length }) => length >= 3)
  expect(receiver.requests.map(({ id }) => id).toSorted()).toEqual(sent.toSorted())
})

test.each([
  [{ maxEvents: 1 }, 'maxEvents'],
  [{ maxEvents: 10, maxWaitMs: 60_001 }, 'maxWaitMs'],
  [{ maxWaitMs: 10 }, 'maxEvents'],
])('a batch of %j is refused', async (batch, field) => {
  const { api } = await startServer()
  const application = await api.makeApplication()
  const reply = await api.call('POST', `/app/${application}/endpoint`, { url: 'http://127.0.0.1:9/', batch })
  expect(reply.status).toBe(422)
  expect(reply.text).toContain(field)
})
