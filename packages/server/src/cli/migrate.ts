/** `posthorn migrate`: brings the schema in PostgreSQL up to date, or shows what that would do. @module */

import { Command } from 'commander'

import { PosthornError } from '../domain/errors.ts'
import { openMigration } from '../open-store.ts'
import type { Options } from '../options.ts'
import { addOptions, givenOptions } from './given-options.ts'

/** Returns the command. */
export function migrateCommand(): Command {
  const command = new Command('migrate')
    .description('Bring the schema in PostgreSQL up to date, also while older nodes run')
    .option('--plan', 'Show what is to be done, and change nothing', false)
    .addHelpText(
      'after',
      `
A server does the same when it starts. This is for those who change schemas apart from starting servers: with a role of
their own, or before the first node of a new version. Nodes of before go on running; each step is a transaction.`,
    )
  addOptions(command, ['database', 'databaseSchema', 'databaseTimeoutMs'])
  return command.action(async () => {
    const { plan } = command.opts<{ plan: boolean }>()
    await run(givenOptions(command), plan)
  })
}

async function run(options: Options, isPlan: boolean): Promise<void> {
  if (options.database === null) {
    throw new PosthornError('bad_config', 'The embedded database is brought up to date by its server alone', {
      hint: 'Give --database postgres://…, or POSTHORN_DATABASE where it has a password',
    })
  }
  const migration = openMigration(options, options.database)
  try {
    if (isPlan) {
      const { applied, pending } = await migration.plan()
      const what = pending.length === 0 ? 'nothing is to be done' : `to be done: ${pending.join(', ')}`
      return void process.stdout.write(`${applied} steps are done; ${what}\n`)
    }
    const done = await migration.apply()
    process.stdout.write(done.length === 0 ? 'Nothing was to be done\n' : `Done: ${done.join(', ')}\n`)
  } finally {
    await migration.close()
  }
}
