/** Posthorn inside the test's process: the same parts as a process of its own, and started faster. @module */

import { pino } from 'pino'
import { onTestFinished } from 'vitest'

import { type AppParts, startApp } from '../../src/app.ts'
import { resolveOptions } from '../../src/options/resolve.ts'
import { temporaryFolder } from '../storage/temporary-folder.ts'
import { type Api, apiOf } from './api.ts'
import { databaseFlags } from './database.ts'
import { holdAnswers } from './held-answers.ts'

/** The organisation's token in every test. */
export const TOKEN = 'token-of-the-tests'

/** A server and the means to talk to it. */
export interface TestServer {
  readonly url: string
  readonly data: string
  readonly api: Api
  /** @throws {Error} An answer did not fit the schema of its route. */
  stop(): Promise<void>
}

/**
 * Starts a server that may deliver to this machine, on a database of its own. The end of the test stops it.
 *
 * @param flags - Options by their long names, such as `{ 'retry-schedule': '100ms' }`.
 */
export async function startServer(
  flags: Readonly<Record<string, unknown>> = {},
  parts: AppParts = {},
): Promise<TestServer> {
  const data = await temporaryFolder()
  const server = await startServerOn(data, flags, parts)
  onTestFinished(() => server.stop())
  return server
}

/** Starts a server on the database in this folder. The caller stops it. */
export async function startServerOn(
  data: string,
  flags: Readonly<Record<string, unknown>> = {},
  parts: AppParts = {},
): Promise<TestServer> {
  const options = resolveOptions({
    flags: { data, port: 0, dev: true, ...(await databaseFlags(data)), ...flags },
    environment: { POSTHORN_BOOTSTRAP_TOKEN: TOKEN },
  })
  const { value: app, check } = await holdAnswers(() => startApp(options, pino({ level: 'silent' }), parts))
  let stopped: Promise<void> | null = null
  return {
    url: app.url,
    data,
    api: apiOf(app.url, TOKEN),
    stop: () => (stopped ??= app.stop().then(check)),
  }
}
