import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

import { SECRET_HINTS, VERIFICATION_HINTS } from './error.ts'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

test('the README explains every code, and no other', async () => {
  const readme = await read('../README.md')
  const codes = [...readme.matchAll(/^\| `([a-z]+_\w+)`/gm)].map((match) => match[1])
  const expected = [...Object.keys(VERIFICATION_HINTS), ...Object.keys(SECRET_HINTS)]
  expect(new Set(codes)).toEqual(new Set(expected))
})

test('the source runs where there is no Node: Web standards only', async () => {
  const all = await readdir(new URL('.', import.meta.url), { recursive: true })
  const files = all.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  expect(files).toEqual(expect.arrayContaining(['index.ts', 'providers.ts', 'testing.ts']))
  for (const file of files) {
    const code = (await read(`./${file}`)).replaceAll(/\/\*.*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`/gs, (text) =>
      /^'(node:|\.)/.test(text) ? text : '',
    )
    const forbidden = code.match(/\b(Buffer|process|console|require|__dirname|setImmediate)\b/g)
    expect({ file, forbidden }).toEqual({ file, forbidden: null })
    for (const [, specifier] of code.matchAll(/from ('.*?')/g)) expect(specifier).toMatch(/^'\.\.?\//)
  }
})
