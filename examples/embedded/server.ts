/** A shop that sends webhooks by itself: Posthorn in its process, its API under /webhooks. @module */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import express, { type Request, type Response } from 'express'
import { createPosthorn } from 'posthorn'

const posthorn = createPosthorn({
  data: process.env['POSTHORN_DATA'] ?? './data',
  // Allows receivers on this machine. Not for production.
  dev: true,
  // So that a client may be tried at once; createToken() makes tokens otherwise.
  bootstrapToken: process.env['POSTHORN_TOKEN'],
})
await posthorn.start()
// The customer of this shop. What it wants to receive it says to the API, or in the portal.
await posthorn.call('PUT', '/app/acme', { name: 'Acme' })

const app = express()
// Before any parser: Posthorn signs and stores the bytes of a body.
app.use('/webhooks', posthorn.express())
app.use(express.json())

app.post('/orders', async ({ body }: Request, response: Response) => {
  const order = body as { readonly id: string; readonly total: number }
  // Once this has resolved the message is on disk, and is delivered whatever becomes of this process.
  const { id, isRepeated } = await posthorn.send('acme', {
    eventType: 'order.placed',
    payload: { type: 'order.placed', data: order },
    idempotencyKey: order.id,
  })
  response.status(isRepeated ? 200 : 201).json({ order: order.id, message: id })
})

const server = createServer(app)
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

// No process.exit: when both have ended nothing is left to run, and the process ends by itself.
process.once('SIGTERM', () => {
  server.close()
  void posthorn.stop()
})
