import { Svix } from 'svix'
import { expect, test } from 'vitest'

import { startDocumentedWorld } from '../support/documented-world.ts'
import { TOKEN } from '../support/server.ts'
import { CALLS, NOT_APPLICABLE } from './svix-client-methods.ts'

/** The names of all methods below an object of the client: `message.poller.poll`. */
function methodsOf(api: object, prefix = ''): string[] {
  const prototype = Object.getPrototypeOf(api) as object
  return Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, descriptor]) => {
    if (name === 'constructor') return []
    const inner: unknown = descriptor.get?.call(api)
    return typeof inner === 'object' && inner !== null
      ? methodsOf(inner, `${prefix}${name}.`)
      : [`${prefix}${name}`]
  })
}

const METHODS = methodsOf(new Svix(TOKEN, { serverUrl: 'http://localhost' }))
const CALLED = Object.entries(CALLS).flatMap(([resource, calls]) =>
  Object.keys(calls).map((method) => `${resource}.${method}`),
)

/** Whether an entry of the table of what does not apply means this method. */
const means = (entry: string, method: string) =>
  entry.endsWith('*') ? method.startsWith(entry.slice(0, -1)) : method === entry

test('every method of the official client is called here, or does not apply for a reason that is given', () => {
  const excuses = Object.keys(NOT_APPLICABLE)
  const isExcused = (method: string) => excuses.some((entry) => means(entry, method))
  expect(METHODS.length).toBeGreaterThan(100)
  expect(METHODS.filter((method) => !CALLED.includes(method) && !isExcused(method))).toEqual([])
  expect(CALLED.filter((method) => !METHODS.includes(method) || isExcused(method))).toEqual([])
  expect(excuses.filter((entry) => !METHODS.some((method) => means(entry, method)))).toEqual([])
})

test.for(Object.entries(CALLS))('every method of svix.%s works', async ([, calls]) => {
  const world = await startDocumentedWorld()
  const svix = new Svix(TOKEN, { serverUrl: world.server.url, numRetries: 0 })
  for (const [method, [call, answer]] of Object.entries(calls)) {
    expect({ method, answer: await call(svix, world) }).toMatchObject({ method, answer })
  }
})
