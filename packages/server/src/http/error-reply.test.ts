import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import type { FailureReason } from '../domain/delivery.ts'
import { PosthornError, ValidationError } from '../domain/errors.ts'
import { STATUS_OF, errorReply } from './error-reply.ts'

const DOCUMENT = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8')

/** The compiler holds this to the type. */
const FAILURES = {
  timeout: true,
  connect_timeout: true,
  connection_refused: true,
  connection_reset: true,
  dns_failure: true,
  blocked_address: true,
  proxy_failure: true,
  tls_failure: true,
  bad_response: true,
  auth_failure: true,
  network_failure: true,
} satisfies Record<FailureReason, true>

/** Returns the cells of every row of the document's tables that begins with a code. */
function rows(): string[][] {
  return DOCUMENT.split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

test('docs/errors.md has a row for every code with its status, and for every failure, and no other', () => {
  const documented = rows().map(([name, second]) => [
    name!.replaceAll('`', ''),
    /^\d{3}$/.test(second!) ? Number(second) : 'failure',
  ])
  expect(Object.fromEntries(documented)).toEqual({
    ...STATUS_OF,
    ...Object.fromEntries(Object.keys(FAILURES).map((name) => [name, 'failure'])),
  })
  expect(documented).toHaveLength(new Set(documented.map(([name]) => name)).size)
})

test('every row of docs/errors.md says what it means and what to do', () => {
  for (const cells of rows()) {
    for (const cell of cells) expect(cell).not.toBe('')
    expect(cells.at(-1)).toMatch(/\.$/)
    expect(cells.at(-2)).toMatch(/\.$/)
  }
})

test('a refusal is answered with its code, and its hint after its message', () => {
  const error = new PosthornError('not_found', 'There is no application x here', { hint: 'Make it first' })
  expect(errorReply(error)).toEqual({
    status: 404,
    headers: {},
    body: { code: 'not_found', detail: 'There is no application x here. Make it first' },
  })
})

test('a validation is answered with its faults and nothing else', () => {
  const faults = [{ loc: ['body', 'name'], msg: 'is required', type: 'required' }]
  expect(errorReply(new ValidationError(faults))).toEqual({
    status: 422,
    headers: {},
    body: { detail: faults },
  })
})

test('who is refused because the server is busy is told when to come back', () => {
  expect(errorReply(new PosthornError('busy', 'Too much'))).toMatchObject({
    status: 503,
    headers: { 'retry-after': '1' },
  })
})

test.for([
  new Error('SELECT secret FROM endpoint'),
  Object.assign(new Error('SELECT secret'), { code: 'ERR_SQLITE_ERROR' }),
  new PosthornError('data_unreadable', 'Cannot open /secret'),
  'secret',
  null,
])('a fault of the server (%s) is answered 500, and nothing of it is told', (error) => {
  const reply = errorReply(error)
  expect(reply).toMatchObject({ status: 500, body: { code: expect.any(String) } })
  expect(JSON.stringify(reply)).not.toContain('secret')
})

test('a refusal by the framework is answered in the terms of the API', () => {
  const error = Object.assign(new Error('too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 })
  expect(errorReply(error)).toMatchObject({ status: 413, body: { code: 'payload_too_large' } })
})
