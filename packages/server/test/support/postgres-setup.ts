/**
 * Gives all test files of a run one PostgreSQL, started when the first of them asks for it. A run that asks for none starts
 * none. The server lives in the main process of the run, which outlives every test file.
 *
 * @module
 */

import { once } from 'node:events'
import { type AddressInfo, type Server, createServer } from 'node:net'

import type { TestProject } from 'vitest/node'

import { PostgresServer } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Port on which the main process tells the URL of the shared PostgreSQL, or why there is none. */
    readonly postgresPort: number
  }
}

/** What the main process answers. */
export type SharedPostgres =
  { readonly url: string; readonly superuserUrl: string } | { readonly error: string }

let starting: Promise<PostgresServer> | null = null
let listener: Server | null = null

/** Runs before the test files. */
export async function setup(project: TestProject): Promise<void> {
  const answer = async (): Promise<SharedPostgres> => {
    try {
      starting ??= PostgresServer.create()
      const { url, superuserUrl } = await starting
      return { url, superuserUrl }
    } catch (error) {
      return { error: String(error) }
    }
  }
  listener = createServer((socket) => {
    socket.on('error', () => {})
    void answer().then((said) => socket.end(JSON.stringify(said)))
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  project.provide('postgresPort', (listener.address() as AddressInfo).port)
}

/** Runs after them, whatever came of them. */
export async function teardown(): Promise<void> {
  listener?.close()
  const server = await starting?.catch(() => null)
  await server?.remove()
}
