import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { PosthornError } from './domain/errors.ts'
import { DEFAULTS } from './options.ts'
import { resolveOptions } from './options/resolve.ts'
import { environmentName } from './options/spec.ts'
import { OPTION_SPECS } from './options/table.ts'

test('without anything given the defaults hold, and the result is frozen', () => {
  const options = resolveOptions({})
  expect(options).toEqual(DEFAULTS)
  expect(Object.isFrozen(options)).toBe(true)
})

test('a flag goes before the environment, which goes before the file', () => {
  const file = { path: 'p.json', values: { port: 1, host: 'a', 'log-level': 'debug' } }
  const environment = { POSTHORN_PORT: '2', POSTHORN_HOST: 'b' }
  const options = resolveOptions({ flags: { port: '3' }, environment, file })
  expect(options).toMatchObject({ port: 3, host: 'b', logLevel: 'debug' })
})

test('the defaults as they are shown read as the defaults', () => {
  for (const [key, spec] of Object.entries(OPTION_SPECS)) {
    if (spec.shown === '') continue
    expect(spec.parse(spec.shown)).toEqual(DEFAULTS[key as keyof typeof DEFAULTS])
  }
})

test.for([
  ['port', '70000'],
  ['port', '-1'],
  ['port', 'http'],
  ['port', ''],
  ['host', 'a b'],
  ['data', ' '],
  ['database', 'mysql://localhost/posthorn'],
  ['database', 'postgres://localhost'],
  ['database-schema', 'Posthorn'],
  ['database-pool', '0'],
  ['database-timeout', '10ms'],
  ['workers', '0'],
  ['encryption-key-file', ' '],
  ['dev', 'maybe'],
  ['allow-addresses', '10.0.0.0/99'],
  ['deny-addresses', 'example.com'],
  ['allow-ports', '443,x'],
  ['allow-ports', '0'],
  ['attempt-timeout', '15'],
  ['attempt-timeout', '0s'],
  ['attempt-timeout', '1h'],
  ['retry-schedule', '5s,,5m'],
  ['retry-schedule', '5 s'],
  ['retry-schedule', Array.from({ length: 51 }, () => '1s').join(',')],
  ['api-rate-limit', '100'],
  ['api-rate-limit', '0/s'],
  ['api-rate-limit', '1.5/s'],
  ['cors-origins', 'app.example.com'],
  ['cors-origins', 'https://app.example.com/'],
  ['public-url', 'hooks.example.com'],
  ['public-url', 'https://hooks.example.com/?a'],
  ['log-level', 'loud'],
] as const)('--%s %j is refused with its name, the value and what would be right', ([name, value]) => {
  const refusal = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      return error as PosthornError
    }
    throw new Error('it was not refused')
  }
  const flag = refusal(() => resolveOptions({ flags: { [name]: value } }))
  expect(flag.code).toBe('bad_config')
  expect(flag.message).toContain(`--${name}`)
  expect(flag.message).toContain(JSON.stringify(value))
  expect(flag.hint).toMatch(/^Give /)
  const variable = environmentName(name)
  expect(refusal(() => resolveOptions({ environment: { [variable]: value } })).message).toContain(variable)
})

test('an unknown name in the file is refused, and so is a secret there', () => {
  for (const name of ['prot', 'bootstrap-token']) {
    const file = { path: 'p.json', values: { [name]: 'x'.repeat(20) } }
    expect(() => resolveOptions({ file })).toThrow(`"${name}" in p.json is no option`)
  }
})

test('a proxy is a URL, and a wrong one is refused without showing its password', () => {
  const proxyOf = (text: string) => resolveOptions({ environment: { POSTHORN_PROXY: text } }).proxy
  expect(proxyOf('socks5://user:pass@proxy.example:1080')?.host).toBe('proxy.example:1080')
  for (const wrong of ['proxy.example', 'ftp://user:secret@proxy.example', 'http://']) {
    expect(() => proxyOf(wrong)).toThrow(/^POSTHORN_PROXY: the value is not right$/)
  }
})

test('a database with a password comes from the environment or the file, never from a flag, and is never shown', () => {
  const database = 'postgres://posthorn:secret@db.example:5433/hooks?sslmode=verify-full'
  expect(resolveOptions({ environment: { POSTHORN_DATABASE: database } }).database?.host).toBe(
    'db.example:5433',
  )
  expect(resolveOptions({ file: { path: 'p.json', values: { database } } }).database?.password).toBe('secret')
  expect(
    resolveOptions({ flags: { database: 'postgres://posthorn@db.example/hooks' } }).database?.username,
  ).toBe('posthorn')
  for (const wrong of [database, 'postgres://db.example/hooks?password=secret']) {
    expect(() => resolveOptions({ flags: { database: wrong } })).toThrow(
      /^--database: the value holds a password, and others can see flags$/,
    )
  }
  expect(() =>
    resolveOptions({ environment: { POSTHORN_DATABASE: 'mysql://posthorn:secret@db/hooks' } }),
  ).toThrow(/^POSTHORN_DATABASE: the value is not right$/)
})

test('a wrong secret is refused without being shown', () => {
  const environment = { POSTHORN_BOOTSTRAP_TOKEN: 'too-short' }
  expect(() => resolveOptions({ environment })).toThrow(/^POSTHORN_BOOTSTRAP_TOKEN: the value is not right$/)
})

test('encryption keys are 32 bytes each, and a wrong one is refused without being shown', () => {
  const keysOf = (text: string) =>
    resolveOptions({ environment: { POSTHORN_ENCRYPTION_KEY: text } }).encryptionKeys
  const [a, b] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 2).toString('base64')]
  expect(keysOf(a)).toEqual([new Uint8Array(32).fill(1)])
  expect(keysOf(`${a},${b}`)).toEqual([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)])
  for (const wrong of ['', 'c2hvcnQ=', `${a},c2hvcnQ=`]) {
    expect(() => keysOf(wrong)).toThrow(/^POSTHORN_ENCRYPTION_KEY: the value is not right$/)
  }
})

test('a schedule is durations joined by commas, or none', () => {
  const scheduleOf = (text: string) => resolveOptions({ flags: { 'retry-schedule': text } }).retryScheduleMs
  expect(scheduleOf('250ms, 5s,1.5m,2h,1d')).toEqual([250, 5_000, 90_000, 7_200_000, 86_400_000])
  expect(scheduleOf('none')).toEqual([])
})

test('docs/configuration.md lists every option as it is', () => {
  const document = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  for (const { name, value, shown, help, isSecret } of Object.values(OPTION_SPECS)) {
    const flag = isSecret === true ? '–' : `\`--${name}${value === null ? '' : ` ${value}`}\``
    const shownDefault = shown === '' ? '–' : `\`${shown}\``
    expect(document).toContain(`| ${flag} | \`${environmentName(name)}\` | ${shownDefault} | ${help} |`)
  }
})
