/** Every list and search of the API over a store of many messages: how long each takes, and by which index. @module */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openDatabase } from '../packages/server/src/storage/sqlite/database.ts'
import { deliveryMethods } from '../packages/server/src/storage/sqlite/deliveries.ts'
import { explanationMethods } from '../packages/server/src/storage/sqlite/explanations.ts'
import { messageMethods } from '../packages/server/src/storage/sqlite/messages.ts'
import { searchMethods } from '../packages/server/src/storage/sqlite/search.ts'
import { Server, percentile } from './house.ts'
import { type Lists, searchCases } from './search-cases.ts'
import { type FilledRoute, fillStore } from './search-store.ts'

/** How many messages the store has. */
export interface SearchOptions {
  readonly messages: number
}

/** Calls of each search. */
const CALLS = 50

/** What each search has to stay below, in milliseconds: 99 of 100 calls. */
const BOUND_MS = 50

/** Fills a store, times every search over HTTP and prints the table. Returns whether all stayed below the bound. */
export async function search({ messages }: SearchOptions, print: (line: string) => void): Promise<boolean> {
  const folder = mkdtempSync(join(process.env['BENCH_TMP'] ?? tmpdir(), 'posthorn-search-'))
  try {
    const route = await makeRoute(folder)
    const startedAt = performance.now()
    const filled = fillStore(folder, route, messages)
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    print(`${messages.toLocaleString('en')} messages, made in ${seconds} s; pages of 50, with content.\n`)

    const cases = searchCases(route, filled)
    const plans = cases.map(({ call }) => planOf(folder, call))
    const server = await Server.start(folder)
    let isBelow = true
    try {
      print('| | p50 / p99 | items | plan |')
      print('| --- | ---: | ---: | --- |')
      for (const [i, { name, path }] of cases.entries()) {
        const { timesMs, items } = await timed(server, path)
        const [p50, p99] = [percentile(timesMs, 0.5), percentile(timesMs, 0.99)]
        isBelow &&= p99 < BOUND_MS
        print(`| ${name} | ${p50.toFixed(1)} / ${p99.toFixed(1)} ms | ${items} | ${plans[i]} |`)
      }
    } finally {
      await server.stop()
    }
    return isBelow
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function makeRoute(folder: string): Promise<FilledRoute> {
  const server = await Server.start(folder)
  const make = async (path: string, body: object) => (await server.call('POST', path, body))['id'] as string
  const applicationId = await make('/app', { name: 'Search' })
  const url = 'https://acme.example/hook'
  const mainId = await make(`/app/${applicationId}/endpoint`, { url })
  const deadId = await make(`/app/${applicationId}/endpoint`, { url })
  const lostApplicationId = await make('/app', { name: 'Lost' })
  const lostId = await make(`/app/${lostApplicationId}/endpoint`, { url })
  await server.stop('keep the data')
  return { applicationId, mainId, deadId, lostApplicationId, lostId }
}

async function timed(server: Server, path: string): Promise<{ timesMs: number[]; items: number }> {
  const timesMs: number[] = []
  let items = 0
  for (let i = 0; i < CALLS; i++) {
    const startedAt = performance.now()
    const body = await server.call('GET', path)
    timesMs.push(performance.now() - startedAt)
    items = Array.isArray(body['data']) ? body['data'].length : 1
  }
  return { timesMs, items }
}

/** Returns by which indexes the statements of a call read, each once. */
function planOf(folder: string, call: (lists: Lists) => unknown): string {
  const database = openDatabase(join(folder, 'posthorn.db'))
  const statements: string[] = []
  const prepare = database.prepare.bind(database)
  database.prepare = (sql, options) => {
    statements.push(sql)
    return prepare(sql, options)
  }
  // Nothing is decrypted: what is timed over HTTP opens the secrets of endpoints too.
  const box = { seal: () => new Uint8Array(), open: () => '{}' }
  const lists = {
    ...messageMethods(database),
    ...searchMethods(database),
    ...explanationMethods(database),
    ...deliveryMethods(database, box),
  }
  // What is prepared before any call says nothing of this one.
  statements.length = 0
  call(lists)
  const steps = statements.flatMap((sql) =>
    prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail'])),
  )
  database.close()
  return [...new Set(steps.filter((step) => /SEARCH|SCAN|TEMP/.test(step)).map(shorten))].join('; ')
}

/** `SEARCH m USING INDEX message_id (application_id=? AND id<?)` without the words that every plan has. */
function shorten(step: string): string {
  return step
    .replace('SEARCH ', '')
    .replace(/USING (COVERING )?INDEX /, '')
    .replaceAll('application_id=? AND ', '')
}
