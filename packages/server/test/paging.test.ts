import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { closedPort } from './support/closed-port.ts'
import { eventually } from './support/eventually.ts'
import {
  type DocumentedOperation,
  type DocumentedWorld,
  startDocumentedWorld,
} from './support/documented-world.ts'

/** Things of each kind, beside the one that the world has. */
const MORE = 6

interface Page {
  readonly data: readonly Readonly<Record<string, unknown>>[]
  readonly iterator: string | null
  readonly prevIterator: string | null
  readonly done: boolean
}

/** One turn of pages: on or back, and how many items are asked for. */
interface Turn {
  readonly isBack: boolean
  readonly limit: number
}

/** A world with several of everything that is listed. */
async function start(): Promise<DocumentedWorld> {
  const world = await startDocumentedWorld()
  const { api } = world.server
  for (let number = 0; number < MORE; number += 1) {
    await api.makeApplication({ uid: `app-${number}` })
    await api.makeEndpoint('acme', world.receiver.url, { uid: `endpoint-${number}` })
    await api.ask('POST', '/event-type', { name: `type-${number}`, description: '' })
    await api.ask('POST', '/auth/api-token', { name: `token-${number}` })
    await api.ask('POST', '/operational-webhook/endpoint', { url: world.receiver.url })
    await api.ask('PUT', '/stats/usage/event-types')
  }
  // What is sent to these is exhausted at once.
  const nowhere = `http://127.0.0.1:${await closedPort()}/`
  for (const uid of ['dead-1', 'dead-2']) {
    await api.makeEndpoint('acme', nowhere, { uid, retrySchedule: [] })
  }
  for (let number = 0; number < MORE; number += 1) {
    const message = await api.send('acme', { eventId: `event-${number}` })
    await eventually(
      () => api.attemptsOf('acme', message),
      (attempts) => expect(attempts).toHaveLength(MORE + 3),
    )
  }
  // Its creation came before the operational endpoint was there.
  await api.ask('PATCH', '/app/acme/endpoint/main', { description: 'Told of' })
  await eventually(
    () => api.ask<Page>('GET', '/operational-webhook/endpoint/main/attempt'),
    // The dead ones were made later than it, and each message to them is told of too.
    ({ data }) => expect(data).toHaveLength(MORE + 1 + 2 + 2 * MORE),
  )
  // The one with attempts at all endpoints.
  Object.assign(world.values, { msg_id: 'event-0' })
  await eventually(
    () => api.ask<Page>('GET', '/background-task'),
    ({ data }) => expect(data.map(({ status }) => status)).not.toContain('running'),
  )
  return world
}

function isList({ method, operation }: DocumentedOperation): boolean {
  const form = operation.responses['200']?.content?.['application/json'].schema['$ref']
  return method === 'GET' && typeof form === 'string' && form.includes('/ListResponse_')
}

/** Names an item in its list; a delivery by its message and its endpoint. */
const keyOf = (item: Readonly<Record<string, unknown>>) =>
  item['id'] ?? item['name'] ?? [item['messageId'], item['endpointId']].join(' ')

/** Turns pages and holds each to the part of the whole list that it must be. */
async function turn(
  ask: (query: Record<string, string>) => Promise<Page>,
  whole: readonly unknown[],
  turns: readonly Turn[],
): Promise<void> {
  let page: Page | null = null
  let [from, to] = [0, 0]
  for (const { isBack, limit } of turns) {
    const iterator: string | null | undefined = isBack ? page?.prevIterator : page?.iterator
    // Before the first page, and beyond a list's ends, there is nowhere to go back or on to.
    if (page !== null && (iterator === null || iterator === undefined)) return
    const goesBack = page !== null && isBack
    page = await ask({
      limit: String(limit),
      ...(iterator === null || iterator === undefined ? {} : { iterator }),
    })
    ;[from, to] = goesBack ? [Math.max(0, from - limit), from] : [to, Math.min(whole.length, to + limit)]
    expect(page.data.map(keyOf)).toEqual(whole.slice(from, to))
    expect(page.done).toBe(goesBack ? from === 0 : to === whole.length)
    if (from === to) return
  }
}

const TURNS = fc.array(fc.record({ isBack: fc.boolean(), limit: fc.integer({ min: 1, max: 4 }) }), {
  minLength: 4,
  maxLength: 10,
})

test('every list, turned forward and back in any way, shows each item once and in its place', async () => {
  const world = await start()
  const lists = world.operations.filter(isList)
  expect(lists.length).toBeGreaterThan(10)
  for (const { path, operation } of lists) {
    const hasOrder = operation.parameters.some(({ name }) => name === 'order')
    for (const order of hasOrder ? ['ascending', 'descending'] : [null]) {
      const ask = (query: Record<string, string>) => {
        const search = new URLSearchParams({ ...query, ...(order === null ? {} : { order }) }).toString()
        return world.server.api.ask<Page>('GET', `${world.fill(path)}?${search}`)
      }
      const whole = (await ask({ limit: '250' })).data.map(keyOf)
      expect({ path, length: whole.length }).toEqual({ path, length: new Set(whole).size })
      expect({ path, length: whole.length }).toMatchObject({
        path,
        length: expect.toSatisfy((n) => n > MORE),
      })
      await fc.assert(
        fc.asyncProperty(TURNS, (turns) => turn(ask, whole, turns)),
        { numRuns: 20 },
      )
    }
  }
})
