import { expect, test } from 'vitest'

import { exampleOf } from './example.ts'

test('the newest version of the schema gives the example', () => {
  const schemas = {
    '2': { examples: [{ version: 2 }] },
    '10': { examples: [{ version: 10 }] },
    '9': { examples: [{ version: 9 }] },
  }
  expect(exampleOf({ schemas })).toEqual({ version: 10 })
})

test('of several examples the one asked for is taken, or the last', () => {
  const schemas = { '1': { examples: [{ n: 0 }, { n: 1 }], example: { n: 'other' } } }
  expect([0, 1, 7].map((index) => exampleOf({ schemas }, index))).toEqual([{ n: 0 }, { n: 1 }, { n: 1 }])
})

test('a single example serves where there is no list', () => {
  expect(exampleOf({ schemas: { '1': { example: { n: 1 } } } }, 3)).toEqual({ n: 1 })
})

test.each([
  ['no type', null],
  ['no schemas', { schemas: null }],
  ['no versions', { schemas: {} }],
  ['no example', { schemas: { '1': { type: 'object' } } }],
  ['an empty list', { schemas: { '1': { examples: [] } } }],
  ['a text', { schemas: { '1': { examples: ['paid'] } } }],
  ['a list', { schemas: { '1': { example: [1] } } }],
])('%s gives no example', (_, eventType) => {
  expect(exampleOf(eventType)).toBeNull()
})
