import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fakeSender } from '@posthorn/receiver/testing'

import { makeReceiver, scheme } from './app.ts'

void test('what is sent twice is paid once', async () => {
  let total = 0
  const receiver = makeReceiver((amount) => void (total += amount))
  await fakeSender({ scheme, to: receiver }).sendDuplicates({ body: { type: 'invoice.paid', amount: 5 } }, 3)
  assert.equal(total, 5)
})
