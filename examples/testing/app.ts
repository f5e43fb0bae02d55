// What the tests beside it test: a receiver that adds up what was paid.
import { standardWebhooks } from '@posthorn/receiver'
import { createReceiver, type Receiver } from '@posthorn/receiver/handle'
import { memoryDedupe } from '@posthorn/receiver/memory'

export const scheme = standardWebhooks({ secrets: 'whsec_cG9zdGhvcm4gcmVjZWl2ZXIgdGVzdCBrZXk=' })

/** Returns a receiver that calls `paid` for each invoice. */
export function makeReceiver(paid: (amount: number) => Promise<void> | void): Receiver {
  return createReceiver({
    scheme,
    store: memoryDedupe(),
    report: () => undefined,
    on: {
      'invoice.paid': async (event) => paid((event.json() as { amount: number }).amount),
    },
  })
}
