// A worker: the secret is in `env` (`wrangler secret put WEBHOOK_SECRET`).
import { standardWebhooks } from '@posthorn/receiver'
import { createReceiver } from '@posthorn/receiver/handle'
import { memoryDedupe } from '@posthorn/receiver/memory'
import { workersFetch } from '@posthorn/receiver/workers'

interface Env {
  readonly WEBHOOK_SECRET: string
}

const fetch = workersFetch<Env>((env) =>
  createReceiver({
    scheme: standardWebhooks,
    secrets: env.WEBHOOK_SECRET,
    // Of this isolate alone. Where duplicates matter, use Redis, or PostgreSQL through Hyperdrive.
    store: memoryDedupe(),
    on: {
      'invoice.paid': (event) => console.log('handled', event.id),
    },
  }),
)

export default { fetch }
