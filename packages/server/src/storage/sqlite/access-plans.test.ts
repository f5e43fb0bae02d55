import { DatabaseSync } from 'node:sqlite'

import { beforeEach, expect, test, vi } from 'vitest'

import { secretBox } from '../secret-box.ts'
import { purgeMethods } from './access-purge.ts'
import { auditMethods } from './audit.ts'
import { idempotencyMethods, messageKeys } from './idempotency.ts'
import { MIGRATIONS } from './migrations.ts'
import { tokenMethods } from './tokens.ts'

let database: DatabaseSync
beforeEach(() => {
  database = new DatabaseSync(':memory:')
  for (const step of MIGRATIONS) database.exec(step)
  return () => database.close()
})

/** Returns the steps by which the statements that `call` prepares find their rows, those of temporary lists left out. */
function stepsOf(call: () => unknown): string[] {
  const prepare = vi.spyOn(database, 'prepare')
  call()
  const statements = prepare.mock.calls.map(([sql]) => sql)
  prepare.mockRestore()
  return statements
    .flatMap((sql) => database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all())
    .map((row) => String(row['detail']))
    .filter((detail) => /^(SEARCH|SCAN|USE TEMP)/.test(detail))
}

const page = { limit: 50, order: 'descending', after: 'x' } as const
const token = { id: 'tok_1', hash: 'h', prefix: 'p', createdAt: 1 }
const box = secretBox(new Uint8Array(32))

const CALLS: readonly (readonly [string, () => unknown])[] = [
  ['the key of a message', () => messageKeys(database).find({ key: 'k', body: 'b' }, 0)],
  ['an answer', () => idempotencyMethods(database, box).findAnswer('k', 0)],
  ['the token of a request', () => tokenMethods(database).findToken('h')],
  ['the list of tokens', () => tokenMethods(database).listApiTokens('org_1', page)],
  ['the end of a token', () => tokenMethods(database).expireToken('org_1', 'tok_1', 0)],
  ['the use of a token', () => tokenMethods(database).recordTokenUses([{ tokenId: 'tok_1', at: 0 }])],
  ['a login key', () => tokenMethods(database).redeemLoginKey('h', token)],
  ['the audit log', () => auditMethods(database).listAudit('org_1', null, page)],
  ['the audit log of an application', () => auditMethods(database).listAudit('org_1', 'app_1', page)],
]

test.for(CALLS)('%s is found by an index, in order', ([, call]) => {
  const steps = stepsOf(call)
  expect(steps.length).toBeGreaterThan(0)
  expect(steps.filter((step) => !step.startsWith('SEARCH') || !step.includes('USING'))).toEqual([])
})

test('a purge reads the starts of indexes, and sorts nothing', () => {
  const steps = stepsOf(() => purgeMethods(database).purgeAccess({ now: 1, auditBefore: 1, limit: 10 }))
  expect(steps.filter((step) => step.startsWith('USE TEMP') || /^SCAN (?!.*USING)/.test(step))).toEqual([])
})

test('the tokens of an application are found by an index', () => {
  const steps = stepsOf(() => tokenMethods(database).expireTokensOfApplication('app_1', 0, ['s-1']))
  expect(steps[0]).toContain('USING INDEX token_application')
})
