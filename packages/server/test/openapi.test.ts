import { expect, test } from 'vitest'

import type { OpenApiDocument } from '../src/http/openapi/document.ts'
import { VERSION } from '../src/version.ts'
import { apiOf } from './support/api.ts'
import { operationsOf } from './support/documented-world.ts'
import { startServer } from './support/server.ts'

test('the description needs no token, and tells the version', async () => {
  const { url } = await startServer()
  const reply = await apiOf(url, null).call('GET', '/openapi.json')
  expect(reply).toMatchObject({ status: 200, body: { openapi: '3.1.0', info: { version: VERSION } } })
  expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8')
})

test('every operation has a name of its own, a summary, a group and an answer', async () => {
  const { api } = await startServer()
  const document = await api.ask<OpenApiDocument>('GET', '/openapi.json')
  const operations = operationsOf(document).filter(({ method }) => method !== 'HEAD')
  for (const { method, path, operation } of operations) {
    expect({ method, path, ...operation }).toMatchObject({
      operationId: expect.stringMatching(/^v1(\.[a-z-]+){2,3}$/),
      summary: expect.stringMatching(/^[A-Z].*[^.]$/),
      tags: [expect.any(String)],
    })
    const statuses = Object.keys(operation.responses)
    expect({ method, path, statuses }).toMatchObject({
      statuses: expect.arrayContaining([expect.stringMatching(/^2/)]),
    })
  }
  const ids = operations.map(({ operation }) => operation.operationId)
  expect(new Set(ids).size).toBe(ids.length)
})

test('every reference leads to a schema, and every parameter of a path is described', async () => {
  const { api } = await startServer()
  const document = await api.ask<OpenApiDocument>('GET', '/openapi.json')
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)]
  expect(references.length).toBeGreaterThan(50)
  for (const [, name] of references) expect(document.components.schemas).toHaveProperty([name!])

  for (const { path, operation } of operationsOf(document)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const described = operation.parameters.filter((each) => each.in === 'path').map(({ name }) => name)
    expect({ path, described }).toEqual({ path, described: named })
  }
})
