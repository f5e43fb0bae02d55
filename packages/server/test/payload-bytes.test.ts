import { createRequire } from 'node:module'

import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

interface GitHubWebhook {
  readonly name: string
  readonly examples: readonly object[]
}

interface Page {
  readonly data: readonly unknown[]
  readonly iterator: string
}

const ODD_PAYLOADS = {
  'numbers that a double cannot keep': '{"total":1.0,"id":12345678901234567890,"exp":1E+2,"zero":-0}',
  'escapes of characters that need none': String.raw`{"name":"caf\u00e9","slash":"a\/b","pair":"\ud83d\ude00"}`,
  'characters beyond the first plane': '{"emoji":"😀👩‍👩‍👧‍👦","greek":"Ω","line":"\u2028"}',
  'white space between tokens': '{ \n\t"a" :\r\n [ 1 ,  2 ]\t,"b":{ } }',
  'two members of the same name': '{"a":1,"a":2,"payload":{"payload":3}}',
  'half of a surrogate pair, which UTF-8 cannot write': String.raw`{"half":"\ud83d"}`,
  'members with meanings in JavaScript': '{"__proto__":{"a":1},"constructor":1,"toString":null}',
  nothing: '{}',
}

test.for(Object.entries(ODD_PAYLOADS))('a payload with %s arrives byte for byte', async ([, payload]) => {
  const { api } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const secret = await api.secretOf(application, endpoint)

  const sent = await api.call('POST', `/app/${application}/msg`, `{"eventType":"a", "payload" : ${payload} }`)
  expect(sent.status).toBe(202)
  expect(sent.text).toContain(`"payload":${payload}`)
  const [request] = await receiver.waitFor((requests) => requests.length === 1)
  expect(request!.body.toString()).toBe(payload)
  new Webhook(secret).verify(request!.body, request!.headers)

  const shown = await api.call('GET', `/app/${application}/msg/${request!.id}`)
  expect(shown.text).toContain(`"payload":${payload}`)
})

test('every example of every GitHub webhook arrives byte for byte and verifies', async () => {
  const { api } = await startServer()
  const receiver = await startReceiver()
  const application = await api.makeApplication()
  const endpoint = await api.makeEndpoint(application, receiver.url)
  const webhook = new Webhook(await api.secretOf(application, endpoint))

  const require = createRequire(import.meta.url)
  const definitions = require('@octokit/webhooks-examples') as readonly GitHubWebhook[]
  const payloads = definitions.flatMap(({ name, examples }) =>
    // Indented and not, so that the bytes differ from what a serialiser would write.
    examples.map((example, i) => ({
      eventType: name,
      text: JSON.stringify(example, null, i % 2 === 0 ? 2 : 0),
    })),
  )
  expect(payloads.length).toBeGreaterThan(300)
  const sent = new Map<string, string>()
  await Promise.all(
    payloads.map(async ({ eventType, text }) => {
      const { id } = await api.ask(
        'POST',
        `/app/${application}/msg`,
        `{"eventType":"${eventType}","payload":${text}}`,
      )
      sent.set(id, text)
    }),
  )

  const requests = await receiver.waitFor(() => receiver.ids().size === payloads.length)
  for (const { id, body, headers } of requests) {
    expect(body.toString()).toBe(sent.get(id))
    webhook.verify(body, headers)
  }
  const delivered = `/app/${application}/endpoint/${endpoint}/msg?status=0&with_content=false&limit=250`
  await eventually(
    async () => {
      const first = await api.ask<Page>('GET', delivered)
      const rest = await api.ask<Page>('GET', `${delivered}&iterator=${first.iterator}`)
      return first.data.length + rest.data.length
    },
    (recorded) => expect(recorded).toBe(payloads.length),
  )
})
