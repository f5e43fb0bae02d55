// The receiver stands before express.json(), which would parse the signed bytes away.
import type { AddressInfo } from 'node:net'

import { standardWebhooks } from '@posthorn/receiver'
import { expressHandler } from '@posthorn/receiver/express'
import { createReceiver } from '@posthorn/receiver/handle'
import { memoryDedupe } from '@posthorn/receiver/memory'
import express from 'express'
import { z } from 'zod'

const receiver = createReceiver({
  scheme: standardWebhooks,
  secrets: process.env['WEBHOOK_SECRET'] ?? '',
  store: memoryDedupe(),
  on: {
    'invoice.paid': {
      schema: z.object({ data: z.object({ amount: z.number() }) }),
      handle: ({ id, data }) => console.log('handled', id, data.data.amount),
    },
  },
})

const app = express()
app.all('/webhooks', expressHandler(receiver))
app.use(express.json())
app.post('/echo', (request, response) => void response.json(request.body))

const server = app.listen(Number(process.env['PORT'] ?? 3000), () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`)
})
