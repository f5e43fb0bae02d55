import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { LISTED } from './listed-differences.ts'
import { NOT_APPLICABLE } from './svix-client-methods.ts'

const PAGE = readFileSync(new URL('../../../../docs/api.md', import.meta.url), 'utf8')

test('docs/api.md tells every difference and its reason, and no other', () => {
  const expected = [
    ...LISTED.map(({ difference, reason }) => `| ${difference} | ${reason} |`),
    ...Object.entries(NOT_APPLICABLE).map(([methods, reason]) => `| \`${methods}\` | ${reason} |`),
  ]
  const rows = PAGE.split('\n').filter(
    (line) => line.startsWith('| ') && !/^\| (---|Difference|Methods)/.test(line),
  )
  expect(rows).toEqual(expected)
})
