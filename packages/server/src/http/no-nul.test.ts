import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { nulsIn } from './no-nul.ts'

test('a text or a name with a NUL is found wherever it is, and nothing else is', () => {
  const text = fc.string().filter((each) => !each.includes('\0'))
  const clean = fc.letrec((tie) => ({
    value: fc.oneof(
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value')),
      fc.dictionary(text, tie('value')),
    ),
  })).value
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 5 }),
      clean,
      text,
      fc.boolean(),
      (path, beside, word, isName) => {
        const bad = isName ? { [`${word}\0`]: beside } : `\0${word}`
        const place = isName ? [...path, `${word}\0`] : path
        const value = path.reduceRight<unknown>((inner, name) => Object.fromEntries([[name, inner]]), bad)
        expect(nulsIn([beside, value], 'body').map(({ loc }) => loc)).toEqual([['body', '1', ...place]])
        expect(nulsIn(beside, 'body')).toEqual([])
      },
    ),
  )
})

test('what is let be is let be at its place, and nowhere else', () => {
  const free = new Set(['payload', 'a/b'])
  const body = { payload: ['\0'], a: { b: '\0', c: '\0', payload: { a: { b: '\0' } } } }
  expect(
    nulsIn(body, 'body', free)
      .map(({ loc }) => loc.join('/'))
      .toSorted(),
  ).toEqual(['body/a/c', 'body/a/payload/a/b'])
})

test('what is nested very deeply is gone through, and no more than 20 are named', () => {
  let value: unknown = Array.from({ length: 50 }, () => '\0')
  for (let level = 0; level < 100_000; level++) value = [value]
  const faults = nulsIn(value, 'body')
  expect(faults).toHaveLength(20)
  expect(faults[0]!.loc).toHaveLength(65)
})
