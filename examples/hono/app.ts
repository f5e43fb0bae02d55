// The app, for any runtime of Hono.
import { standardWebhooks } from '@posthorn/receiver'
import { createReceiver } from '@posthorn/receiver/handle'
import { honoHandler } from '@posthorn/receiver/hono'
import { memoryDedupe } from '@posthorn/receiver/memory'
import { Hono } from 'hono'
import * as v from 'valibot'

/** Returns the app. */
export function makeApp(secrets: string): Hono {
  const receiver = createReceiver({
    scheme: standardWebhooks,
    secrets,
    store: memoryDedupe(),
    limit: { requests: 50, perMs: 1_000 },
    on: {
      'invoice.paid': {
        schema: v.object({ data: v.object({ amount: v.number() }) }),
        handle: ({ id, data }) => console.log('handled', id, data.data.amount),
      },
    },
  })
  const app = new Hono()
  app.all('/webhooks', honoHandler(receiver))
  return app
}
