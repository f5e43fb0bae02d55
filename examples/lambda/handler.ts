// The function. Its store must outlive the instance: PostgreSQL or Redis, and not memory, where duplicates matter.
import { standardWebhooks } from '@posthorn/receiver'
import { createReceiver } from '@posthorn/receiver/handle'
import { lambdaHandler } from '@posthorn/receiver/lambda'
import { memoryDedupe } from '@posthorn/receiver/memory'

const receiver = createReceiver({
  scheme: standardWebhooks,
  secrets: process.env['WEBHOOK_SECRET'] ?? '',
  store: memoryDedupe(),
  on: {
    'invoice.paid': (event) => console.log('handled', event.id),
  },
})

export const handler = lambdaHandler(receiver)
