import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { TOKEN, startServer } from './support/server.ts'

test('an event type has several feature flags, or one by the older field', async () => {
  const server = await startServer()
  const { eventType } = new Svix(TOKEN, { serverUrl: server.url })
  const made = await eventType.create({ name: 'a', description: '', featureFlags: ['beta', 'internal'] })
  expect(made).toMatchObject({ featureFlags: ['beta', 'internal'], featureFlag: 'beta' })

  await server.api.ask('PATCH', '/event-type/a', { featureFlag: 'gamma' })
  expect(await eventType.get('a')).toMatchObject({ featureFlags: ['gamma'], featureFlag: 'gamma' })
  await eventType.patch('a', { description: 'Kept' })
  expect(await eventType.get('a')).toMatchObject({ featureFlags: ['gamma'] })
  await eventType.patch('a', { featureFlags: null })
  expect(await eventType.get('a')).toMatchObject({ featureFlags: null, featureFlag: null })
})
