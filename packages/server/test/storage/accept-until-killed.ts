/** A process for a test to kill: accepts messages for ever, and prints each id once its message was acknowledged. @module */

import { parseArgs } from 'node:util'

import { SqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { newMessage } from './fixtures.ts'

const SENDERS = 8

const { values } = parseArgs({
  options: {
    path: { type: 'string', default: '' },
    key: { type: 'string', default: '' },
    application: { type: 'string', default: '' },
    endpoint: { type: 'string', default: '' },
  },
})

const store = new SqliteStore({
  path: values.path,
  encryptionKey: Buffer.from(values.key, 'hex'),
  isExclusive: true,
})
await store.start()
const lease = await store.joinAsNode(0)

async function sendForEver(): Promise<never> {
  for (;;) {
    const message = newMessage({ applicationId: values.application })
    await store.acceptMessage({ message, deliveries: [{ endpointId: values.endpoint, lease }], dueAt: 0 })
    process.stdout.write(`${message.id}\n`)
  }
}
await Promise.all(Array.from({ length: SENDERS }, sendForEver))
