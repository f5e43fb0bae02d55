import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { startServer } from '../support/server.ts'
import { type Description, differencesOf } from './difference.ts'
import { LISTED } from './listed-differences.ts'

const THEIRS = JSON.parse(readFileSync(new URL('svix-openapi.json', import.meta.url), 'utf8')) as Description

async function differences(): Promise<string[]> {
  const { api } = await startServer()
  return differencesOf(THEIRS, await api.ask<Description>('GET', '/openapi.json'))
}

test('our description has all that theirs has, but for what is listed with a reason', async () => {
  const unlisted = (await differences()).filter((line) => !LISTED.some(({ lines }) => lines.test(line)))
  expect(unlisted).toEqual([])
})

/** What is sent, as if it were answered: it must have what theirs has. */
function asAnswers(
  webhooks: Readonly<Record<string, { readonly post: { readonly requestBody: object } }>>,
  { components }: Description,
): Description {
  const entries = Object.entries(webhooks).map(([name, { post }]) => [
    name,
    { post: { responses: { sent: post.requestBody } } },
  ])
  return { paths: Object.fromEntries(entries) as Description['paths'], components }
}

test('our webhooks have all that theirs have', async () => {
  const { api } = await startServer()
  type Webhooks = Parameters<typeof asAnswers>[0]
  const ours = await api.ask<Description & { webhooks: Webhooks }>('GET', '/openapi.json')
  const theirs = (THEIRS as Description & { 'x-webhooks': Webhooks })['x-webhooks']
  expect(differencesOf(asAnswers(theirs, THEIRS), asAnswers(ours.webhooks, ours))).toEqual([])

  const named = JSON.stringify(ours)
  const changed = JSON.parse(named.replaceAll('"msgEventId"', '"msgName"')) as typeof ours
  expect(differencesOf(asAnswers(theirs, THEIRS), asAnswers(changed.webhooks, changed))).toHaveLength(3)
})

test('every listed difference still exists', async () => {
  const found = await differences()
  const gone = LISTED.filter(({ lines }) => !found.some((line) => lines.test(line)))
  expect(gone).toEqual([])
})

test('each kind of difference is found', async () => {
  const { api } = await startServer()
  const ours = await api.ask<Description>('GET', '/openapi.json')
  expect(differencesOf(ours, ours)).toEqual([])

  const withoutApp = structuredClone(ours) as { paths: Record<string, unknown> } & Description
  delete withoutApp.paths['/api/v1/app']
  expect(differencesOf(ours, withoutApp)).toEqual([
    'GET /api/v1/app: is missing',
    'POST /api/v1/app: is missing',
  ])

  const change = (from: string, to: string) =>
    differencesOf(ours, JSON.parse(JSON.stringify(ours).replaceAll(from, to)) as Description)
  expect(change('"get_if_exists"', '"other"')).toEqual(['POST /api/v1/app: lacks the query get_if_exists'])
  expect(change('"required":["name"],"properties"', '"required":["name","uid"],"properties"')).toContain(
    'POST /api/v1/app: request .uid: is demanded',
  )
  expect(change('"required":["id",', '"required":[')).toContain(
    'GET /api/v1/app: answer 200.data[].id: may be absent',
  )
  expect(change('"archived"', '"stored"')).toContain('POST /api/v1/event-type: request .archived: is missing')
  expect(change('"uid":{"anyOf":[{"type":"string"', '"uid":{"anyOf":[{"type":"integer"')).toContain(
    'GET /api/v1/app/{app_id}: answer 200.uid: is integer, not string',
  )
  expect(change('"v1.message.create"', '"v1.message.make"')).toEqual([
    'POST /api/v1/app/{app_id}/msg: is named v1.message.make, not v1.message.create',
  ])
})
