import { expect, test } from 'vitest'

import { compilePayloadSchema } from './payload-schema.ts'
import { readWebhooks } from './openapi-webhooks.ts'

/** A document of OpenAPI 3.1 whose one webhook has this schema, with members of its own. */
const withSchema = (schema: unknown, members: object = {}) => ({
  openapi: '3.1.0',
  webhooks: { 'pet.new': { post: { requestBody: { content: { 'application/json': { schema } } } } } },
  ...members,
})

async function schemaOf(document: object): Promise<Record<string, unknown>> {
  const read = await readWebhooks(document)
  if (read.kind === 'fault') throw new Error(`${read.path.join('/')}: ${read.msg}`)
  return read.eventTypes[0]!.schemas!['1'] as Record<string, unknown>
}

/** The rules that payloads break under the schema that is made. */
async function rulesBroken(document: object, payload: unknown): Promise<string[]> {
  const compiled = compilePayloadSchema(await schemaOf(document))
  if (compiled.kind === 'fault') throw new Error(compiled.msg)
  return compiled.check(payload).map(({ loc, type }) => `${loc.join('.')} ${type}`)
}

test('a webhook is an event type: its name, its text, its flags, and its schema with what it refers to', async () => {
  const document = {
    openapi: '3.1.0',
    webhooks: {
      'pet.new': {
        summary: 'Of the path',
        post: {
          summary: 'Short',
          description: 'A pet is there',
          deprecated: true,
          'x-svix-group-name': 'pet',
          'x-svix-feature-flags': ['beta'],
          requestBody: { $ref: '#/components/requestBodies/Pet' },
        },
      },
      'pet.gone': { $ref: '#/components/pathItems/Gone' },
    },
    'x-webhooks': { 'pet.new': { post: {} }, 'pet.old': { post: { summary: 'Old' } } },
    components: {
      pathItems: { Gone: { summary: 'Gone', post: { requestBody: { content: { 'text/plain': {} } } } } },
      requestBodies: {
        Pet: {
          content: {
            'application/vnd.pet+json; version=1': { schema: { $ref: '#/components/schemas/Pet' } },
          },
        },
      },
      schemas: {
        Pet: {
          type: 'object',
          properties: { owner: { $ref: '#/components/schemas/Owner' } },
          examples: [{ owner: {} }],
        },
        Owner: {
          type: 'object',
          properties: { pets: { type: 'array', items: { $ref: '#/components/schemas/Pet' } } },
        },
        Unused: { type: 'string' },
      },
    },
  }
  const pet = {
    type: 'object',
    properties: { owner: { $ref: '#/definitions/Owner' } },
    examples: [{ owner: {} }],
  }
  expect(await readWebhooks(document)).toEqual({
    kind: 'event-types',
    eventTypes: [
      {
        name: 'pet.new',
        description: 'A pet is there',
        deprecated: true,
        groupName: 'pet',
        featureFlags: ['beta'],
        schemas: {
          '1': {
            ...pet,
            definitions: {
              Pet: pet,
              Owner: {
                type: 'object',
                properties: { pets: { type: 'array', items: { $ref: '#/definitions/Pet' } } },
              },
            },
          },
        },
      },
      { name: 'pet.gone', description: 'Gone', deprecated: false, schemas: null },
      { name: 'pet.old', description: 'Old', deprecated: false, schemas: null },
    ],
  })
  const payload = { owner: { pets: [{ owner: { pets: 'none' } }] } }
  expect(await rulesBroken(document, payload)).toEqual(['owner.pets.0.owner.pets type'])
})

test.each<[string, object, unknown, readonly string[]]>([
  ['nullable', { properties: { a: { type: 'string', nullable: true } } }, { a: null }, []],
  [
    'nullable with an enum',
    { properties: { a: { type: 'string', nullable: true, enum: ['x'] } } },
    { a: null },
    [],
  ],
  [
    'an exclusive limit',
    { properties: { a: { minimum: 1, exclusiveMinimum: true } } },
    { a: 1 },
    ['a exclusiveMinimum'],
  ],
  [
    'a limit that is not exclusive',
    { properties: { a: { maximum: 1, exclusiveMaximum: false } } },
    { a: 1 },
    [],
  ],
  [
    'a property called nullable',
    { properties: { nullable: { type: 'string' } } },
    { nullable: 1 },
    ['nullable type'],
  ],
])('OpenAPI 3.0: %s', async (_, schema, payload, broken) => {
  expect(await rulesBroken({ ...withSchema(schema), openapi: '3.0.3' }, payload)).toEqual(broken)
})

test.each<[string, object, unknown, readonly string[]]>([
  ['a tuple', { prefixItems: [{ type: 'string' }], items: false }, ['a', 1], ['1 boolean']],
  ['a type of several', { type: ['object', 'null'] }, 1, [' type']],
  [
    'what stands beside a reference',
    { properties: { a: { $ref: '#/components/schemas/Text', minLength: 3 } } },
    { a: 'xy' },
    ['a minLength'],
  ],
  ['a property called $ref', { properties: { $ref: { type: 'string' } } }, { $ref: 1 }, ['$ref type']],
  ['a reference in an example is data', { examples: [{ $ref: 'x' }], type: 'object' }, {}, []],
  [
    'names of the prototype',
    JSON.parse('{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}}'),
    { constructor: 1 },
    ['constructor type'],
  ],
  [
    'a definition of an awkward name',
    { properties: { a: { $ref: '#/components/schemas/__proto__' } } },
    { a: 1 },
    ['a type'],
  ],
  [
    'a path into a schema',
    { properties: { a: { $ref: '#/components/schemas/a~1b%20c/properties/x' } } },
    { a: 1 },
    ['a type'],
  ],
])('OpenAPI 3.1: %s', async (_, schema, payload, broken) => {
  const components = JSON.parse(
    '{"schemas":{"Text":{"type":"string"},"__proto__":{"type":"string"},"a/b c":{"properties":{"x":{"type":"string"}}}}}',
  ) as object
  expect(await rulesBroken(withSchema(schema, { components }), payload)).toEqual(broken)
})

const deep = (levels: number) => {
  let schema: object = {}
  for (let level = 0; level < levels; level++) schema = { not: schema }
  return schema
}
const ref = ($ref: string) => ({ $ref })
const place = ['webhooks', 'pet.new', 'post', 'requestBody', 'content', 'application/json', 'schema']

test.each<[string, unknown, readonly string[], string]>([
  ['a list', [], [], 'an object'],
  ['another version', { openapi: '2.0', webhooks: {} }, ['openapi'], 'version'],
  ['no webhooks', { openapi: '3.1.0', paths: {} }, ['webhooks'], 'a webhook'],
  ['webhooks that are a list', { openapi: '3.1.0', webhooks: [] }, ['webhooks'], 'an object'],
  [
    'a name that is none',
    { openapi: '3.1.0', webhooks: { 'a b': { post: {} } } },
    ['webhooks', 'a b'],
    'letters',
  ],
  ['no operation', { openapi: '3.1.0', webhooks: { a: { summary: 'A' } } }, ['webhooks', 'a'], 'operation'],
  ['a webhook that is a text', { openapi: '3.1.0', webhooks: { a: 'x' } }, ['webhooks', 'a'], 'an object'],
  [
    'a webhook that leads to itself',
    { openapi: '3.1.0', webhooks: { a: ref('#/webhooks/a') } },
    ['webhooks', 'a'],
    'without end',
  ],
  [
    'a group that is no name',
    { openapi: '3.1.0', webhooks: { a: { post: { 'x-svix-group-name': 1 } } } },
    ['webhooks', 'a', 'post', 'x-svix-group-name'],
    'letters',
  ],
  [
    'a reference to nowhere',
    withSchema({ items: ref('#/components/schemas/No') }),
    [...place, 'items', '$ref'],
    'not in this document',
  ],
  [
    'a reference to the prototype',
    withSchema(ref('#/constructor/name')),
    [...place, '$ref'],
    'not in this document',
  ],
  ['a reference that is broken', withSchema(ref('#/%E0%A4%A')), [...place, '$ref'], 'not in this document'],
  [
    'another document',
    withSchema({ items: ref('https://example.com/pet.json') }),
    [...place, 'items', '$ref'],
    'not in this document',
  ],
  [
    'a schema that leads to itself',
    withSchema(ref(`#/${place.map((part) => part.replaceAll('/', '~1')).join('/')}`)),
    [...place, '$ref'],
    'back to itself',
  ],
  [
    'two that lead to each other',
    withSchema(
      { allOf: [ref('#/components/schemas/A')] },
      {
        components: {
          schemas: {
            A: { allOf: [ref('#/components/schemas/B')] },
            B: { allOf: [ref('#/components/schemas/A')] },
          },
        },
      },
    ),
    place,
    'cannot be compiled',
  ],
  [
    'a schema that is a text',
    withSchema({ properties: { a: 'string' } }),
    [...place, 'properties', 'a'],
    'a schema',
  ],
  [
    'a keyword that is wrong',
    withSchema({ properties: { a: { type: 'text' } } }),
    [...place, 'properties', 'a', 'type'],
    'draft 7',
  ],
  ['a schema that is too deep', withSchema(deep(70)), place, 'deeper'],
  ['a document that is too deep', withSchema(deep(50_000)), [], 'deeper'],
  [
    'too many',
    {
      openapi: '3.1.0',
      webhooks: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`a${i}`, { post: {} }])),
    },
    ['webhooks'],
    'more than',
  ],
])('is refused, with its place: %s', async (_, document, path, msg) => {
  expect(await readWebhooks(document)).toEqual({
    kind: 'fault',
    path,
    msg: expect.stringContaining(msg) as string,
  })
})

test('schemas that share much are refused where they are too large together', async () => {
  const enumeration = Array.from({ length: 1_000 }, (_, i) => i)
  const webhook = {
    post: { requestBody: { content: { 'application/json': { schema: ref('#/components/schemas/Large') } } } },
  }
  const document = {
    openapi: '3.1.0',
    webhooks: Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`a${i}`, webhook])),
    components: { schemas: { Large: { enum: enumeration } } },
  }
  expect(await readWebhooks(document)).toMatchObject({
    kind: 'fault',
    msg: expect.stringContaining('too large') as string,
  })
})
