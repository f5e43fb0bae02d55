import { Type } from 'typebox'
import { expect, test } from 'vitest'

import { ValidationError } from '../domain/errors.ts'
import { compileValidator } from './validation.ts'

const Form = Type.Object({
  pet: Type.Union([
    Type.Object({ type: Type.Enum(['dog']), name: Type.String() }),
    Type.Object({ type: Type.Enum(['cat']), lives: Type.Union([Type.Integer(), Type.Null()]) }),
    Type.Null(),
  ]),
  size: Type.Optional(Type.Integer()),
})

/** Returns the faults of a body, as `place: what`. */
function faultsOf(body: unknown): string[] {
  const check = compileValidator({ schema: Form, httpPart: 'body', method: 'POST', url: '/' })
  const { error } = check(body) as { error?: ValidationError }
  return (error?.faults ?? []).map(({ loc, msg }) => `${loc.join('.')}: ${msg}`)
}

test('of a value with several forms, the faults of the one that it names are told', () => {
  expect(faultsOf({ pet: { type: 'cat', lives: 9 } })).toEqual([])
  expect(faultsOf({ pet: null })).toEqual([])
  expect(faultsOf({ pet: { type: 'dog' } })).toEqual(['body.pet.name: is required'])
  expect(faultsOf({ pet: { type: 'cat', lives: 'many' } })).toEqual([
    'body.pet.lives: must be integer or must be null',
  ])
})

test('a form that there is not is one fault, which says which there are', () => {
  expect(faultsOf({ pet: { type: 'cow' } })).toEqual(['body.pet.type: must be one of dog, cat'])
})

test('faults beside it are told as ever', () => {
  expect(faultsOf({ pet: { type: 'dog' }, size: 'big' })).toEqual([
    'body.pet.name: is required',
    'body.size: must be integer',
  ])
})
