import { Type } from 'typebox'
import { expect, test } from 'vitest'

import { Flag, NameList } from '../schemas.ts'
import { type DescribedRoute, describeApi } from './document.ts'

const route = (fields: Partial<DescribedRoute>): DescribedRoute => ({
  method: 'GET',
  url: '/api/v1/thing',
  schema: {},
  isPublic: false,
  need: null,
  ...fields,
})

const operationOf = (fields: Partial<DescribedRoute>) => {
  const { method, url } = route(fields)
  const { paths } = describeApi([route(fields)], '1.2.3')
  return paths[url.replace(/:(\w+)/, '{$1}')]![method.toLowerCase()]!
}

const Out = Type.Object({ id: Type.String() }, { $id: 'ThingOut' })

test('a schema with a name becomes a component, wherever it stands', () => {
  const List = Type.Object({ data: Type.Array(Out) })
  const { paths, components } = describeApi(
    [route({ schema: { response: { 200: List } } }), route({ method: 'POST', schema: { body: Out } })],
    '1.2.3',
  )
  expect(components.schemas['ThingOut']).toEqual({
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' } },
  })
  const { get, post } = paths['/api/v1/thing']!
  expect(get!.responses['200']!.content!['application/json'].schema).toMatchObject({
    properties: { data: { items: { $ref: '#/components/schemas/ThingOut' } } },
  })
  expect(post!.requestBody!.content['application/json'].schema).toEqual({
    $ref: '#/components/schemas/ThingOut',
  })
})

test('two different schemas of one name are refused', () => {
  const Other = Type.Object({ id: Type.Integer() }, { $id: 'ThingOut' })
  const routes = [
    route({ schema: { response: { 200: Out } } }),
    route({ method: 'POST', schema: { body: Other } }),
  ]
  expect(() => describeApi(routes, '1.2.3')).toThrow('Two different schemas are named ThingOut')
})

test('parameters of path and query are described as a client sends them', () => {
  const querystring = Type.Object({
    flag: Type.Optional(Flag),
    names: Type.Optional(NameList),
    n: Type.Integer(),
  })
  expect(operationOf({ url: '/api/v1/thing/:thing_id', schema: { querystring } }).parameters).toEqual([
    { name: 'thing_id', in: 'path', required: true, description: 'Its id', schema: { type: 'string' } },
    { name: 'flag', in: 'query', required: false, schema: { type: 'boolean' } },
    {
      name: 'names',
      in: 'query',
      required: false,
      schema: { type: 'array', items: expect.objectContaining({ type: 'string' }) },
      style: 'form',
      explode: false,
    },
    { name: 'n', in: 'query', required: true, schema: { type: 'integer' } },
  ])
})

test('a POST takes an idempotency key, and a public one does not', () => {
  const names = (isPublic: boolean) =>
    operationOf({ method: 'POST', isPublic }).parameters.map(({ name }) => name)
  expect(names(false)).toEqual(['idempotency-key'])
  expect(names(true)).toEqual([])
})

test('a body that may be null may be left out', () => {
  const optional = Type.Union([Out, Type.Null()])
  expect(operationOf({ method: 'POST', schema: { body: optional } }).requestBody).toEqual({
    required: false,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/ThingOut' } } },
  })
})

test('an answer without content has none, and refusals are those of its kind of route', () => {
  const { responses, security } = operationOf({ isPublic: true, schema: { response: { 204: Type.Null() } } })
  expect(security).toEqual([])
  expect(responses['204']).not.toHaveProperty('content')
  expect(Object.keys(responses)).toEqual(['204', '429', '500', '503'])
  expect(Object.keys(operationOf({ method: 'POST', schema: { body: Out } }).responses)).toEqual(
    expect.arrayContaining(['400', '401', '403', '404', '409', '413', '415', '422']),
  )
})
