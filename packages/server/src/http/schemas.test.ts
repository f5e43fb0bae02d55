import { expect, test } from 'vitest'

import { ValidationError } from '../domain/errors.ts'
import { checkMetadata, checkUid, uidOfPut } from './schemas.ts'

test('a PUT without a uid takes the name in its path, unless that is the id', () => {
  expect(uidOfPut(undefined, 'acme', null)).toBe('acme')
  expect(uidOfPut(null, 'acme', null)).toBe('acme')
  expect(uidOfPut(undefined, 'acme', { id: 'app_1' })).toBe('acme')
  expect(uidOfPut(undefined, 'app_1', { id: 'app_1' })).toBeNull()
})

test('a PUT with a uid gives that one, and null takes the uid away', () => {
  expect(uidOfPut('other', 'acme', { id: 'app_1' })).toBe('other')
  expect(uidOfPut('other', 'acme', null)).toBe('other')
  expect(uidOfPut(null, 'acme', { id: 'app_1' })).toBeNull()
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
