import { expect, test } from 'vitest'

import { readYaml } from './read-yaml.ts'

test('reads YAML with its aliases, and names no prototype', async () => {
  expect(await readYaml('a: &x {b: [1, true, null]}\nc: *x')).toEqual({
    kind: 'value',
    value: { a: { b: [1, true, null] }, c: { b: [1, true, null] } },
  })
  const read = await readYaml('__proto__: {polluted: 1}')
  expect(read).toMatchObject({ kind: 'value' })
  expect({}).not.toHaveProperty('polluted')
})

test.each<[string, string, string]>([
  ['what is no YAML', 'a: [', 'neither JSON nor YAML'],
  ['a value in itself', 'a: &a [*a]', 'neither JSON nor YAML'],
  ['several documents', '--- a\n--- b\n', 'neither JSON nor YAML'],
  ['very deep nesting', '['.repeat(200_000), 'neither JSON nor YAML'],
  [
    'aliases that grow without end',
    [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'
        .split('')
        .map((name, i) => `${name}: &${name} [${Array<string>(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
    ].join('\n'),
    'neither JSON nor YAML',
  ],
])('refuses %s', async (_, text, msg) => {
  expect(await readYaml(text, 60_000)).toEqual({ kind: 'fault', msg: expect.stringContaining(msg) as string })
})

test('gives up a text that takes too long, and reads the next', async () => {
  const slow = Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n')
  const [first, second] = await Promise.all([readYaml(slow, 1), readYaml('a: 1')])
  expect(first).toEqual({ kind: 'fault', msg: 'takes too long to be read' })
  expect(second).toEqual({ kind: 'value', value: { a: 1 } })
})
