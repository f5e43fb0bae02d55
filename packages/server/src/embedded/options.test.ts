import { expect, test } from 'vitest'

import { resolveOptions } from '../options/resolve.ts'
import { codeName } from '../options/spec.ts'
import { OPTION_SPECS } from '../options/table.ts'
import { OPTION_NAMES, type PosthornOptions, embeddedOptions } from './options.ts'

test('every option of the server but those of its own listening, logging and processes can be given in code', () => {
  const names = Object.values(OPTION_SPECS).map(({ name }) => codeName(name))
  expect(OPTION_NAMES).toEqual(
    names.filter((name) => !['host', 'port', 'workers', 'logLevel'].includes(name)),
  )
})

test('values are those of flags, as text, arrays, URLs and truth values', () => {
  const given = {
    data: '/var/shop',
    dev: true,
    databasePool: 3,
    attemptTimeout: '3s',
    retrySchedule: ['1s', '2m'],
    retention: 'forever',
    apiRateLimit: '100/s',
    allowAddresses: ['10.0.0.0/8', 'fd00::/8'],
    publicUrl: new URL('https://shop.example/webhooks/'),
    bootstrapToken: 'a-token-of-the-shop',
  } satisfies PosthornOptions
  expect(embeddedOptions(given)).toMatchObject({
    data: '/var/shop',
    dev: true,
    databasePool: 3,
    attemptTimeoutMs: 3_000,
    retryScheduleMs: [1_000, 120_000],
    retentionMs: null,
    apiRatePerSecond: 100,
    allowAddresses: { ranges: ['10.0.0.0/8', 'fd00::/8'] },
    publicUrl: 'https://shop.example/webhooks',
    bootstrapToken: 'a-token-of-the-shop',
  })
})

test('without options it is as the server is, whatever the environment says', () => {
  process.env['POSTHORN_DATA'] = '/elsewhere'
  try {
    expect(embeddedOptions({ dev: undefined })).toEqual(resolveOptions({}))
  } finally {
    delete process.env['POSTHORN_DATA']
  }
})

test('names that are none and values that are not right are refused by name', () => {
  const refusal = (given: object) => {
    try {
      return embeddedOptions(given)
    } catch (error) {
      return String(error)
    }
  }
  expect(refusal({ port: 8071 })).toContain('"port" is no option of createPosthorn')
  expect(refusal({ attemptTimeoutMs: 5 })).toContain('"attemptTimeoutMs" is no option')
  expect(refusal({ attemptTimeout: 'soon' })).toContain('attemptTimeout: "soon" is not right')
  expect(refusal({ jwtSecret: 'too short' })).not.toContain('too short')
})

test('options are typed by name', () => {
  // @ts-expect-error The server's own.
  expect(() => embeddedOptions({ host: '0.0.0.0' })).toThrow('is no option')
  // @ts-expect-error Durations have their unit with them.
  expect(() => embeddedOptions({ attemptTimeout: 15 })).toThrow('is not right')
})
