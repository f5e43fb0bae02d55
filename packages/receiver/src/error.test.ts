import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

import { SECRET_HINTS, VERIFICATION_HINTS } from './error.ts'
import { PROVIDER_HINTS, PROVIDER_SECRET_HINTS } from './provider-codes.ts'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

test('the README explains every code, and no other', async () => {
  const readme = await read('../README.md')
  const codes = [...readme.matchAll(/^\| `([a-z]+_\w+)`/gm)].map((match) => match[1])
  const expected = [VERIFICATION_HINTS, PROVIDER_HINTS, SECRET_HINTS, PROVIDER_SECRET_HINTS].flatMap(
    Object.keys,
  )
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
    // The console is a standard of the web, too: handling reports to it by default, and verifying says nothing.
    const allowed = file === 'handle/report.ts' ? ['console'] : []
    const found = code.match(/\b(Buffer|process|console|require|__dirname|setImmediate)\b/g) ?? []
    const forbidden = found.filter((name) => !allowed.includes(name))
    expect({ file, forbidden }).toEqual({ file, forbidden: [] })
    for (const [, specifier] of code.matchAll(/from ('.*?')/g)) expect(specifier).toMatch(/^'\.\.?\//)
  }
})
