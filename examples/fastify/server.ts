// The plugin takes the parsers off its own route; the rest of the app keeps them.
import { DatabaseSync } from 'node:sqlite'

import { standardWebhooks } from '@posthorn/receiver'
import { fastifyReceiver } from '@posthorn/receiver/fastify'
import { createReceiver } from '@posthorn/receiver/handle'
import { sqliteDedupe } from '@posthorn/receiver/sqlite'
import fastify from 'fastify'

const receiver = createReceiver({
  scheme: standardWebhooks,
  secrets: process.env['WEBHOOK_SECRET'] ?? '',
  store: sqliteDedupe(new DatabaseSync(process.env['DATABASE'] ?? 'dedupe.db')),
  on: {
    'invoice.paid': (event) => console.log('handled', event.id),
  },
})

const app = fastify()
await app.register(fastifyReceiver(receiver, { path: '/webhooks' }))
app.post('/echo', (request, reply) => reply.send(request.body))

const url = await app.listen({ port: Number(process.env['PORT'] ?? 3000) })
console.log(`listening on ${url}/webhooks`)
