/** `posthorn serve`: runs the server. @module */

import { Command } from 'commander'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

import { type App, startApp } from '../app.ts'
import { OPTION_SPECS, type Options } from '../options.ts'
import { addOptions, givenOptions } from './given-options.ts'

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

  const app = await startApp(options, log)
  stopOnSignal(app, log)
  announce(app, options, log)
}

function logger(options: Options): Logger {
  const stream = process.stdout.isTTY
    ? pretty({ translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname', sync: true })
    : pino.destination({ sync: true })
  return pino({ level: options.logLevel, base: null }, stream)
}

function announce(app: App, options: Options, log: Logger): void {
  log.info({ url: app.url, data: options.data }, 'Posthorn is listening')
  if (options.dev) {
    log.warn('--dev: receivers on this machine and plain http are allowed. Not for production')
  }
  if (app.firstStart !== null) process.stdout.write(welcome(app.url, app.firstStart))
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
function stopOnSignal(app: App, log: Logger): void {
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      log.info({ signal }, 'stopping: deliveries under way are finished first')
      app.stop().then(
        () => {
          log.info('stopped')
          process.exit(0)
        },
        (error: unknown) => {
          log.error({ err: error }, 'stopping failed')
          process.exit(1)
        },
      )
    })
  }
}
