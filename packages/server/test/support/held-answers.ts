/** Holds every answer of an in-process server to the schema of its route: what the API's description says is what is sent. @module */

import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { IsNull, type TSchema } from 'typebox'

import { HTTPValidationError, HttpErrorOut, refusalsOf } from '../../src/http/openapi/errors.ts'
import { validatorOf } from '../../src/http/validation.ts'

/** Faults of the server that is being started, so that each server has its own. */
const starting = new AsyncLocalStorage<Set<string>>()

// Fastify tells of each server that it makes; hooks that are added then are there before the first route.
subscribe('fastify.initialization', (message) => {
  const faults = starting.getStore()
  if (faults === undefined) return
  const { fastify } = message as { fastify: FastifyInstance }
  fastify.addHook('onSend', async (request, reply, payload) => {
    const fault = faultOf(request, reply, payload)
    if (fault !== null) {
      faults.add(`${request.method} ${request.routeOptions.url} → ${reply.statusCode}: ${fault}`)
    }
  })
})

/**
 * Runs what starts a server.
 *
 * @returns What it returned, and a function that throws where an answer did not fit its schema so far.
 */
export async function holdAnswers<T>(start: () => Promise<T>): Promise<{ value: T; check: () => void }> {
  const faults = new Set<string>()
  const value = await starting.run(faults, start)
  const check = () => {
    if (faults.size > 0) throw new Error(`Answers that do not fit their schemas:\n${[...faults].join('\n')}`)
  }
  return { value, check }
}

/** Says how an answer departs from what its route declares; `null` where it does not. */
function faultOf({ routeOptions }: FastifyRequest, reply: FastifyReply, payload: unknown): string | null {
  const { schema, config } = routeOptions
  const declared = schema?.response as Readonly<Record<string, TSchema>> | undefined
  const status = reply.statusCode
  const form = declared?.[status]
  if (form === undefined && status < 400) return declared === undefined ? null : 'this status is not declared'
  if (form === undefined && schema?.operationId !== undefined) {
    const refusals = refusalsOf({ isPublic: config.isPublic === true, takesBody: schema.body !== undefined })
    if (!refusals.includes(status)) return 'this refusal is not declared'
  }
  const expected = form ?? (status === 422 ? HTTPValidationError : HttpErrorOut)
  if (IsNull(expected)) return payload === undefined || payload === null ? null : 'there is a body'
  if (typeof payload !== 'string') return 'there is no body of text'
  const value = JSON.parse(payload) as unknown
  const validator = validatorOf(expected)
  if (!validator.Check(value)) {
    const [error] = validator.Errors(value)
    return `${error!.instancePath} ${error!.message} in ${payload.slice(0, 300)}`
  }
  const [undeclared] = undeclaredIn(expected, value, '')
  return undeclared === undefined ? null : `${undeclared} is not declared`
}

interface Shape {
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly items?: TSchema
  readonly anyOf?: readonly TSchema[]
}

/** The fields that a value has and its schema does not name. A schema that names none says nothing of them. */
function undeclaredIn(schema: TSchema, value: unknown, place: string): string[] {
  const { properties, items, anyOf } = schema as Shape
  if (anyOf !== undefined) {
    const branch = anyOf.find((each) => validatorOf(each).Check(value))
    return branch === undefined ? [] : undeclaredIn(branch, value, place)
  }
  if (Array.isArray(value)) {
    return items === undefined ? [] : value.flatMap((item, at) => undeclaredIn(items, item, `${place}/${at}`))
  }
  const isOpen = properties === undefined || Object.keys(properties).length === 0
  if (typeof value !== 'object' || value === null || isOpen) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    Object.hasOwn(properties, name)
      ? undeclaredIn(properties[name]!, inner, `${place}/${name}`)
      : [`${place}/${name}`],
  )
}
