import { randomBytes } from 'node:crypto'

import { postgresStore } from '../../src/storage/postgres/postgres-store.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { storeConformance } from './conformance.ts'
import type { OpenedStore } from './opened-store.ts'

/** Long after the instants of the tests, whose messages are thus in no day's partition, whatever the day of the run. */
const OTHER_DAY = Date.UTC(2100, 0, 1)

storeConformance('PostgreSQL', async (): Promise<OpenedStore> => {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  const encryptionKey = randomBytes(32)
  const start = async () => {
    const store = postgresStore({ url, schema, encryptionKey, isServer: true, clock: () => OTHER_DAY })
    await store.start()
    return store
  }
  let store = await start()
  return {
    store,
    async reopen() {
      await store.stop()
      store = await start()
      return store
    },
    async close() {
      await store.stop()
      await dropSchema(url, schema)
    },
  }
})
