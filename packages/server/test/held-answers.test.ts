import Fastify from 'fastify'
import { Type } from 'typebox'
import { expect, test } from 'vitest'

import { holdAnswers } from './support/held-answers.ts'

const Out = Type.Object({
  id: Type.String(),
  inner: Type.Union([Type.Object({ a: Type.Integer() }), Type.Null()]),
})

/** What is found wrong with an answer of a route that declares `200: Out` and nothing else. */
async function complaintAbout(status: number, body: object): Promise<string | null> {
  const { value: server, check } = await holdAnswers(async () => Fastify())
  server.get(
    '/thing',
    { schema: { operationId: 'v1.thing.get', response: { 200: Out } } },
    (_request, reply) =>
      reply
        .code(status as 200)
        .serializer(JSON.stringify)
        .send(body as never),
  )
  await server.inject('/thing')
  try {
    check()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

test('an answer that fits its schema is let pass', async () => {
  expect(await complaintAbout(200, { id: 'x', inner: { a: 1 } })).toBeNull()
  expect(await complaintAbout(200, { id: 'x', inner: null })).toBeNull()
  expect(await complaintAbout(404, { code: 'not_found', detail: 'There is none' })).toBeNull()
})

test.for([
  ['a field of another type', 200, { id: 1, inner: null }, '/id must be string'],
  ['a field that is missing', 200, { id: 'x' }, 'inner'],
  ['a field that is not declared', 200, { id: 'x', inner: { a: 1, b: 2 } }, '/inner/b is not declared'],
  ['a status that is not declared', 201, { id: 'x', inner: null }, 'this status is not declared'],
  ['a refusal that is not declared', 418, { code: 'teapot', detail: 'x' }, 'this refusal is not declared'],
  ['a refusal in another form', 422, { code: 'validation', detail: 'x' }, '/detail must be array'],
] as const)('%s is complained of', async ([, status, body, complaint]) => {
  expect(await complaintAbout(status, body)).toContain(complaint)
})
