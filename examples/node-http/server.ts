// An inbox: the event is on disk when the sender gets its 202, and is handled afterwards, with retries.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'

import { standardWebhooks } from '@posthorn/receiver'
import { createReceiver } from '@posthorn/receiver/handle'
import { nodeListener } from '@posthorn/receiver/node'
import { sqliteInbox } from '@posthorn/receiver/sqlite'

const database = new DatabaseSync(process.env['DATABASE'] ?? 'inbox.db')
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')

const receiver = createReceiver({
  scheme: standardWebhooks,
  secrets: process.env['WEBHOOK_SECRET'] ?? '',
  inbox: { store: sqliteInbox(database) },
  on: {
    'invoice.paid': (event) => console.log('handled', event.id),
  },
})
receiver.inbox.start()

const webhooks = nodeListener(receiver)
const server = createServer((request, response) => {
  if (request.url === '/webhooks') void webhooks(request, response)
  else response.writeHead(404).end()
})
server.listen(Number(process.env['PORT'] ?? 3000), () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`)
})

process.once('SIGTERM', () => {
  server.close()
  void receiver.inbox.stop().then(() => database.close())
})
