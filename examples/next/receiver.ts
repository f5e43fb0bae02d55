// One receiver for both routers.
import { standardWebhooks } from '@posthorn/receiver'
import { createReceiver, type Receiver } from '@posthorn/receiver/handle'
import { memoryDedupe } from '@posthorn/receiver/memory'

let made: Receiver | undefined

/** Made at the first request: `next build` loads the file too, and has no secret. */
export function receiver(): Receiver {
  made ??= createReceiver({
    scheme: standardWebhooks,
    secrets: process.env['WEBHOOK_SECRET'] ?? '',
    store: memoryDedupe(),
    on: {
      'invoice.paid': (event) => console.log('handled', event.id),
    },
  })
  return made
}
