import { expect, test } from 'vitest'

import { wantsMessage } from './endpoint.ts'

const OPEN = { disabled: false, eventTypes: null, channels: null }
const message = (eventType: string, channels: string[] | null = null) => ({ eventType, channels })

test('an endpoint without filters gets every message', () => {
  expect(wantsMessage(OPEN, message('invoice.paid'))).toBe(true)
  expect(wantsMessage(OPEN, message('invoice.paid', ['eu']))).toBe(true)
})

test('a disabled endpoint gets none', () => {
  expect(wantsMessage({ ...OPEN, disabled: true }, message('invoice.paid'))).toBe(false)
})

test('an event-type filter is exact: a prefix or another case does not match', () => {
  const endpoint = { ...OPEN, eventTypes: ['invoice.paid', 'user.created'] }
  expect(wantsMessage(endpoint, message('user.created'))).toBe(true)
  for (const type of ['invoice', 'invoice.paid.late', 'Invoice.Paid']) {
    expect(wantsMessage(endpoint, message(type))).toBe(false)
  }
})

test('an endpoint with channels needs one of them, so a message without channels passes it by', () => {
  const endpoint = { ...OPEN, channels: ['eu', 'us'] }
  expect(wantsMessage(endpoint, message('a', ['asia', 'us']))).toBe(true)
  expect(wantsMessage(endpoint, message('a', ['asia']))).toBe(false)
  expect(wantsMessage(endpoint, message('a'))).toBe(false)
})

test('both filters have to agree', () => {
  const endpoint = { ...OPEN, eventTypes: ['a'], channels: ['eu'] }
  expect(wantsMessage(endpoint, message('a', ['eu']))).toBe(true)
  expect(wantsMessage(endpoint, message('b', ['eu']))).toBe(false)
})
