import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

import { HANDLED_STATUS, REFUSED_STATUS } from './answers.ts'
import { DEFAULTS } from './options.ts'

const guide = await readFile(new URL('../../../../docs/receiving.md', import.meta.url), 'utf8')

test('the guide lists every answer that is not 400, with its status', () => {
  const rows = [...guide.matchAll(/^\| `(\w+)` +\| (\d{3}|its own) +\|/gm)].map(([, code, status]) => [
    code,
    status,
  ])
  const expected = Object.entries({ ...HANDLED_STATUS, ...REFUSED_STATUS }).map(([code, status]) =>
    code === 'handler_answered' ? [code, 'its own'] : [code, String(status)],
  )
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected))
})

test('the guide names the defaults', () => {
  const defaultOf = (option: string) => new RegExp(`^\\| \`${option}\` +\\| (.*?) +\\|`, 'm').exec(guide)?.[1]
  expect(defaultOf('maxBodyBytes')?.replaceAll(' ', '')).toBe(String(DEFAULTS.maxBodyBytes))
  expect(defaultOf('deadlineMs')?.replaceAll(' ', '')).toBe(String(DEFAULTS.deadlineMs))
  expect(defaultOf('leaseMs')?.replaceAll(' ', '')).toBe(`deadline+${DEFAULTS.leaseSlackMs}`)
  expect(defaultOf('windowMs')).toBe(`${DEFAULTS.windowMs / 86_400_000} days`)
})
