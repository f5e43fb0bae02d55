import { expect, test } from 'vitest'

import { compilePayloadSchema } from './payload-schema.ts'

function faults(schema: unknown, payload: unknown) {
  const compiled = compilePayloadSchema(schema)
  if (compiled.kind === 'fault') throw new Error(compiled.msg)
  return compiled.check(payload)
}

const person = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  properties: { name: { type: 'string' }, pets: { type: 'array', items: { $ref: '#/definitions/pet' } } },
  required: ['name'],
  additionalProperties: false,
  definitions: { pet: { type: 'object', properties: { legs: { type: 'integer', minimum: 0 } } } },
}

test.each<[string, unknown, unknown, readonly string[], string]>([
  [
    'a wrong type deep inside',
    person,
    { name: 'A', pets: [{}, { legs: 1.5 }] },
    ['pets', '1', 'legs'],
    'type',
  ],
  ['a missing field', person, {}, ['name'], 'required'],
  ['a field that is not allowed', person, { name: 'A', age: 3 }, ['age'], 'boolean'],
  ['if and then', JSON.parse('{"if":{"required":["a"]},"then":{"required":["b"]}}'), { a: 1 }, [], 'if'],
  ['a tuple', { items: [{ type: 'string' }], additionalItems: false }, ['a', 1], ['1'], 'boolean'],
  ['a dependency', { dependencies: { a: ['b'] } }, { a: 1 }, [], 'dependencies'],
  ['a format', { format: 'email' }, 'nobody', [], 'format'],
  [
    'a name with quotes',
    { properties: { 'a\'"`${b}': { const: 1 } } },
    { 'a\'"`${b}': 2 },
    ['a\'"`${b}'],
    'const',
  ],
])('names the place and the rule of %s', (_, schema, payload, loc, type) => {
  expect(faults(schema, payload)).toMatchObject([{ loc, type }])
})

test('finds nothing in a payload that fits', () => {
  expect(faults(person, { name: 'A', pets: [{ legs: 4 }] })).toEqual([])
  expect(faults({}, { anything: true })).toEqual([])
})

test.each<[string, unknown, readonly string[], string]>([
  ['an unknown type', { properties: { a: { type: 'text' } } }, ['properties', 'a', 'type'], 'draft 7'],
  ['a pattern that is none', { pattern: '(' }, ['pattern'], 'draft 7'],
  ['a limit that is no number', { minimum: 'x' }, ['minimum'], 'draft 7'],
  [
    'a reference to nowhere',
    { items: { $ref: '#/definitions/no' } },
    ['items', '$ref'],
    'leads to #/definitions/no',
  ],
  ['a reference to another document', { $ref: 'http://example.com/x' }, ['$ref'], 'leads to http'],
  ['a reference to itself', { $ref: '#' }, [], 'cannot be compiled'],
  ['a circle', { type: 'object', allOf: [{ $ref: '#' }] }, [], 'cannot be compiled'],
])('refuses %s, and says where it is', (_, schema, path, msg) => {
  const compiled = compilePayloadSchema(schema)
  expect(compiled).toMatchObject({ kind: 'fault', path, msg: expect.stringContaining(msg) as string })
})

test('what looks like a reference in data is none', () => {
  expect(compilePayloadSchema({ const: { $ref: 'x' }, default: { $ref: 'y' } }).kind).toBe('schema')
})

test('a payload that is nested too deeply for a recursive schema is a fault, and no crash', () => {
  const schema = { $id: 'tree', type: 'object', properties: { child: { $ref: '#' } } }
  let payload: object = {}
  for (let depth = 0; depth < 100_000; depth++) payload = { child: payload }
  expect(faults(schema, payload)).toMatchObject([{ loc: [], type: 'depth' }])
})
