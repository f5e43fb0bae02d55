import { fakeSender } from '@posthorn/receiver/testing'
import { expect, test } from 'vitest'

import { makeReceiver, scheme } from './app.ts'

const event = { body: { type: 'invoice.paid', amount: 5 } }

test('what is sent twice is paid once', async () => {
  let total = 0
  const receiver = makeReceiver((amount) => void (total += amount))
  await fakeSender({ scheme, to: receiver }).sendDuplicates(event, 3)
  expect(total).toBe(5)
})

test('what fails is paid by a retry', async () => {
  let fails = 2
  let total = 0
  const receiver = makeReceiver((amount) => {
    if (fails-- > 0) throw new Error('the bank is closed')
    total += amount
  })
  const delivery = await fakeSender({ scheme, to: receiver }).send(event)
  expect(delivery.statuses).toEqual([500, 500, 200])
  expect(total).toBe(5)
})
