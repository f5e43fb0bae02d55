/** `posthorn serve`: runs the server. @module */

import cluster from 'node:cluster'

import { Command } from 'commander'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

import { type App, startApp } from '../app.ts'
import { PosthornError } from '../domain/errors.ts'
import type { Options } from '../options.ts'
import { OPTION_SPECS } from '../options/table.ts'
import { addOptions, givenOptions } from './given-options.ts'
import { followSupervisor, superviseWorkers, workerPort } from './workers.ts'

/** By how many milliseconds this machine's clock is to be wrong: for tests of many machines on one. */
const CLOCK_AHEAD = 'POSTHORN_TEST_CLOCK_AHEAD_MS'

/** Returns the command. */
export function serveCommand(): Command {
  const command = new Command('serve').description('Run Posthorn: the API and the delivery of webhooks')
  addOptions(command, Object.keys(OPTION_SPECS) as (keyof Options)[])
  command.addHelpText(
    'after',
    `
POSTHORN_BOOTSTRAP_TOKEN becomes the token of the organisation in a new database.
A flag goes before the environment, which goes before the file.`,
  )
  return command.action(async () => serve(givenOptions(command)))
}

async function serve(options: Options): Promise<void> {
  const log = logger(options)
  // A rejection that nobody waited for is a defect, but not a reason to drop everyone's deliveries.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a defect: nobody waited for this'))

  if (options.workers > 1 && cluster.isPrimary) {
    if (options.database === null) {
      throw new PosthornError(
        'bad_config',
        'The embedded database has one process, so --workers can only be 1',
        {
          hint: 'Give --database postgres://…, or leave --workers out: one process uses more than one core as it is',
        },
      )
    }
    return superviseWorkers(options.workers, log, (url) => announceListening(url, options, log))
  }
  const aheadMs = Number(process.env[CLOCK_AHEAD] ?? 0)
  const { port, isPortShared } = cluster.isWorker
    ? workerPort(options.port)
    : { port: options.port, isPortShared: false }
  const app = await startApp({ ...options, port }, log, {
    isPortShared,
    ...(aheadMs === 0 ? {} : { clock: () => Date.now() + aheadMs }),
  })
  const stop = stopper(app, log)
  if (cluster.isWorker) followSupervisor(app.url, () => stop())
  else {
    stopOnSignal(stop, log)
    announceListening(app.url, options, log)
  }
  if (app.firstStart !== null) process.stdout.write(welcome(app.url, app.firstStart))
}

function logger(options: Options): Logger {
  const stream = process.stdout.isTTY
    ? pretty({ translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', sync: true })
    : pino.destination({ sync: true })
  return pino({ level: options.logLevel, base: null }, stream)
}

function announceListening(url: string, options: Options, log: Logger): void {
  const { data, database, workers } = options
  const where = database === null ? { data } : { database: `${database.host}${database.pathname}`, workers }
  log.info({ url, ...where }, 'Posthorn is listening')
  if (options.dev) {
    log.warn('--dev: receivers on this machine and plain http are allowed. Not for production')
  }
}

function welcome(url: string, { token, keysFrom }: NonNullable<App['firstStart']>): string {
  const shown = token ?? '$POSTHORN_BOOTSTRAP_TOKEN'
  return `
  This is the first start.

  Encryption key   ${keysFrom}  (keep a copy: it opens the endpoint secrets, and nothing else does)
  Token            ${token ?? 'the one in POSTHORN_BOOTSTRAP_TOKEN'}${token === null ? '' : '  (shown this once)'}

  Try it:

  curl -X POST '${url}/api/v1/app?get_if_exists=true' -H "authorization: Bearer ${shown}" -H 'content-type: application/json' -d '{"name":"Demo","uid":"demo"}'

`
}

/** A first signal stops in order; a second one at once. What was not finished is taken up on the next start. */
function stopOnSignal(stop: () => void, log: Logger): void {
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      log.info({ signal }, 'stopping: deliveries under way are finished first')
      stop()
    })
  }
}

/** Returns what stops the server in order, once, and ends the process. */
function stopper(app: App, log: Logger): () => void {
  let stopped: Promise<void> | null = null
  return () => {
    stopped ??= app.stop().then(
      () => {
        log.info('stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
}
