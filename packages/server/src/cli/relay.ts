/** `posthorn relay`: takes messages from the outbox of another database to Posthorn. @module */

import { Command, Option } from 'commander'
import { pino } from 'pino'

import { PosthornError } from '../domain/errors.ts'
import { postRow } from '../outbox/post-row.ts'
import { Relay } from '../outbox/relay.ts'
import { openRelayOutbox } from '../storage/postgres/relay-outbox.ts'
import { relaySchema } from '../storage/postgres/relay-schema.ts'
import { requireSchemaName } from '../storage/postgres/schema-name.ts'
import { urlConfig } from '../storage/postgres/tls.ts'
import { showOutbox } from './outbox.ts'

interface RelayOptions {
  readonly from?: string
  readonly to: string
  readonly schema: string
  readonly unordered: boolean
  readonly refused: boolean
  readonly printSchema: boolean
}

/** Returns the command. */
export function relayCommand(): Command {
  const command = new Command('relay')
    .description("Take messages from the outbox of an application's own PostgreSQL to Posthorn, each once")
    .addOption(
      new Option('--from <url>', 'The database with the outbox: postgres://user@host/database').env(
        'POSTHORN_RELAY_FROM',
      ),
    )
    .addOption(
      new Option('--to <url>', 'Where Posthorn is').env('POSTHORN_RELAY_TO').default('http://127.0.0.1:8071'),
    )
    .addOption(
      new Option('--schema <name>', 'Schema of the outbox').env('POSTHORN_RELAY_SCHEMA').default('posthorn'),
    )
    .option(
      '--unordered',
      "Send an application's messages several at a time: faster, and they may pass each other",
      false,
    )
    .option('--refused', 'Show what waits, and what Posthorn refused and why, and end', false)
    .option('--print-schema', 'Print the SQL that makes the outbox, and end', false)
    .addHelpText(
      'after',
      `
POSTHORN_TOKEN is a token that may send. Several relays on one outbox are safe: one works, the others stand by.

  posthorn relay --print-schema | psql "$DATABASE_URL"
  POSTHORN_TOKEN=ph_… posthorn relay --from "$DATABASE_URL" --to https://posthorn.example`,
    )
  return command.action(async () => {
    const options = command.opts<RelayOptions>()
    if (options.printSchema) process.stdout.write(relaySchema(options.schema))
    else if (options.refused) await showOutbox({ url: sourceOf(options), schema: options.schema })
    else await relay(options)
  })
}

async function relay(options: RelayOptions): Promise<void> {
  const { to, schema, unordered } = options
  requireSchemaName(schema)
  const log = pino({ base: null }, pino.destination({ sync: true }))
  const url = sourceOf(options)
  // Now, because later on it would be tried for ever.
  urlConfig(url)
  const target = {
    url: requireUrl('--to', to, /^https?:$/, 'https://posthorn.example').replace(/\/+$/, ''),
    token: requireToken(),
  }
  const running = new Relay({
    open: (onSend) => openRelayOutbox({ url, schema, onSend }),
    post: (row) => postRow(target, row),
    isUnordered: unordered,
    random: Math.random,
    monotonic: () => performance.now(),
    log,
  })
  running.start()
  log.info({ to: target.url, schema }, 'relaying')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'stopping: what was sent is removed first')
      void running.stop().then(() => process.exit(0))
    })
  }
}

function sourceOf({ from }: RelayOptions): string {
  return requireUrl('--from', from, /^postgres(ql)?:$/, 'postgres://user@host/database')
}

/** @throws {PosthornError} `bad_config`. */
function requireUrl(name: string, text: string | undefined, protocol: RegExp, example: string): string {
  const url = URL.parse(text ?? '')
  if (text !== undefined && url !== null && protocol.test(url.protocol)) return text
  // It may hold a password, so it is not repeated.
  throw new PosthornError(
    'bad_config',
    `${name}: ${text === undefined ? 'is missing' : 'the value is not right'}`,
    {
      hint: `Give a URL such as ${example}`,
    },
  )
}

/** @throws {PosthornError} `bad_config`. */
function requireToken(): string {
  const token = process.env['POSTHORN_TOKEN']
  if (token !== undefined && token !== '') return token
  throw new PosthornError('bad_config', 'POSTHORN_TOKEN is missing', {
    hint: 'Give it a token that may send: "posthorn token create" makes one',
  })
}
