/** Some hundred URLs, names and addresses, each with its verdict, against the real client. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import type { Duplex } from 'node:stream'

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { destinationPolicy, faultOfUrl } from '../../src/delivery/destination.ts'
import { type GuardedClientOptions, guardedClient } from '../../src/delivery/guarded-client.ts'
import type { NameLookup } from '../../src/delivery/guarded-lookup.ts'
import { resolveOptions } from '../../src/options/resolve.ts'
import { type Row, readTable } from './table.ts'

/** What a proxy was asked for, which refuses everything: nothing of this test leaves the machine. */
const asked: string[] = []
let proxy: Server
/** Connections that this process began. */
let connections = 0
const count = () => (connections += 1)

beforeAll(async () => {
  proxy = createServer().on('connect', ({ url }: { url: string }, socket: Duplex) => {
    asked.push(url)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  subscribe('net.client.socket', count)
})

afterAll(() => {
  unsubscribe('net.client.socket', count)
  proxy.close()
})

beforeEach(() => {
  asked.length = 0
  connections = 0
})

const ROWS = readTable()
const rowsThatAre = <Kind extends Row['verdict']['kind']>(kind: Kind) =>
  ROWS.filter((row): row is Row & { verdict: { kind: Kind } } => row.verdict.kind === kind)

test.for(rowsThatAre('invalid'))('line $line: $url is no URL', (row) => {
  expect(URL.parse(row.url)).toBeNull()
  expect(faultOfUrl(row.url, policyOf(row))).not.toBeNull()
})

test.for(rowsThatAre('reaches'))('line $line: $url is reached', async (row) => {
  expect(faultOfUrl(row.url, policyOf(row))).toBeNull()
  await postAt(row, { proxy: proxyUrl() })
  expect(asked).toEqual([row.verdict.target])
})

test.for(rowsThatAre('blocked'))('line $line: $url is blocked', async (row) => {
  const { url, addresses, verdict } = row
  const fault = faultOfUrl(url, policyOf(row))
  const refusals = [await refusalOfPost(row, {}), await refusalOfPost(row, { proxy: proxyUrl() })]
  // Where no name has to be resolved for that, the API refuses it too.
  if (fault !== null || addresses.length === 0) refusals.push(String(fault))
  expect(refusals).toEqual(refusals.map(() => expect.stringContaining(verdict.reason)))
  expect(asked).toEqual([])
  // A socket for a name is made before the name is resolved, and connected to nothing.
  expect(fault === null ? 0 : connections).toBe(0)
})

test('the table has some hundred rows of each kind, and no row twice', () => {
  expect(rowsThatAre('blocked').length).toBeGreaterThan(250)
  expect(rowsThatAre('reaches').length).toBeGreaterThan(100)
  expect(rowsThatAre('invalid').length).toBeGreaterThan(30)
  const texts = ROWS.map(({ flags, url, addresses }) => JSON.stringify([flags, url, addresses]))
  expect(texts.filter((text, at) => texts.indexOf(text) !== at)).toEqual([])
})

function policyOf({ flags }: Row) {
  return destinationPolicy(resolveOptions({ flags }))
}

async function postAt(row: Row, options: Pick<GuardedClientOptions, 'proxy'>) {
  const client = guardedClient({ policy: policyOf(row), lookup: resolvingTo(row.addresses), ...options })
  try {
    const url = new URL(row.url)
    return await client.post({ url, headers: {}, body: Buffer.from('{}'), timeoutMs: 10_000 })
  } finally {
    await client.close()
  }
}

/** Returns why the client refused to connect; or what came of it, where it did not. */
async function refusalOfPost(row: Row, options: Pick<GuardedClientOptions, 'proxy'>): Promise<string> {
  const result = await postAt(row, options)
  const isRefused = result.kind === 'failed' && result.reason === 'blocked_address'
  return isRefused ? result.detail : `not refused: ${JSON.stringify(result)}`
}

function proxyUrl(): URL {
  return new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
}

/** Answers as the system's resolver does, and never for what is an address: that would be no answer of a name service. */
function resolvingTo(addresses: readonly string[]): NameLookup {
  return ((name: string, _options: object, callback: (...args: unknown[]) => void) => {
    if (addresses.length === 0) throw new Error(`${name} should not have been resolved`)
    callback(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    )
  }) as unknown as NameLookup
}
