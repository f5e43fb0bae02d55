import { expect, test } from 'vitest'

import { ValidationError } from '../domain/errors.ts'
import { checkMetadata, checkUid, uidOfPut, readInstant } from './schemas.ts'

test('a PUT without a uid takes the name in its path, unless that is the id', () => {
  expect(uidOfPut('application', undefined, 'acme', null)).toBe('acme')
  expect(uidOfPut('application', null, 'acme', null)).toBe('acme')
  expect(uidOfPut('application', undefined, 'acme', { id: 'app_1' })).toBe('acme')
  expect(uidOfPut('application', undefined, 'app_1', { id: 'app_1' })).toBeNull()
})

test('a PUT of an id that nothing has finds nothing', () => {
  expect(() => uidOfPut('application', undefined, 'app_1', null)).toThrow(
    expect.objectContaining({ code: 'not_found' }),
  )
  expect(uidOfPut('endpoint', undefined, 'app_1', null)).toBe('app_1')
})

test('a PUT with a uid gives that one, and null takes the uid away', () => {
  expect(uidOfPut('application', 'other', 'acme', { id: 'app_1' })).toBe('other')
  expect(uidOfPut('application', 'other', 'acme', null)).toBe('other')
  expect(uidOfPut('application', null, 'acme', { id: 'app_1' })).toBeNull()
})

test.for(['app_1', '', 'a b', 'a/b', 'a\n', 'é', 'x'.repeat(257)])('the uid %j is refused', (uid) => {
  expect(() => checkUid('application', uid)).toThrow(ValidationError)
})

test.for(['a', 'A-1_.', '-', 'ep_1', 'x'.repeat(256), null, undefined])('the uid %j is right', (uid) => {
  expect(() => checkUid('application', uid)).not.toThrow()
})

test('metadata may have 4,096 bytes of JSON and not one more', () => {
  const metadata = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) })
  expect(() => checkMetadata(metadata(4_096))).not.toThrow()
  expect(() => checkMetadata(metadata(4_097))).toThrow('has 4097 bytes')
})

test.for([
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['2017-01-01t01:59:60.5+02:00', '2017-01-01T00:00:00.500Z'],
  ['2026-01-15T09:30:59.25Z', '2026-01-15T09:30:59.250Z'],
  ['2026-01-15T09:30:00+01:60', null],
] as const)('the instant %s is %s', ([text, shown]) => {
  const at = readInstant(text)
  expect(Number.isNaN(at) ? null : new Date(at).toISOString()).toBe(shown)
})
