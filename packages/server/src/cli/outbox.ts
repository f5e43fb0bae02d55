/** `posthorn outbox`: shows what waits in the outbox and what was refused. @module */

import { Command } from 'commander'

import { PosthornError } from '../domain/errors.ts'
import { connectionOf } from '../open-store.ts'
import { viewOutbox } from '../storage/postgres/outbox-view.ts'
import { addOptions, givenOptions } from './given-options.ts'

/** Refused messages that are shown; how many there are is told. */
const SHOWN = 100

/** Returns the command. */
export function outboxCommand(): Command {
  const command = new Command('outbox')
    .description('Show what waits in the outbox on PostgreSQL, and what was refused and why')
    .addHelpText(
      'after',
      `
To send a refused message again, where the reason is gone: SELECT posthorn.send_refused('msg_…'). Of the outbox of another
database, which a relay drains: posthorn relay --refused.`,
    )
  addOptions(command, ['database', 'databaseSchema'])
  return command.action(async () => {
    const options = givenOptions(command)
    if (options.database === null) {
      throw new PosthornError('bad_config', 'The embedded database has no outbox', {
        hint: 'Give --database postgres://…, or POSTHORN_DATABASE where it has a password',
      })
    }
    await showOutbox(connectionOf(options, options.database))
  })
}

/** Prints an outbox: a line of what there is, and one for each refused message, the latest first. */
export async function showOutbox({ url, schema }: { url: string; schema: string }): Promise<void> {
  const { waiting, oldestAt, refusedCount, refused } = await viewOutbox({ url, schema, limit: SHOWN })
  const since = oldestAt === null ? '' : ` since ${oldestAt}`
  const more = refusedCount > refused.length ? `, of which these are the latest ${refused.length}` : ''
  const lines = refused.map(({ refusedAt, id, application, eventType, code, reason }) =>
    // A reason may be several lines of what a schema did not like.
    [refusedAt, id, application, eventType, code, reason.replaceAll(/\s+/g, ' ')].join('  '),
  )
  const counts = `${waiting} wait${since}; ${refusedCount} were refused${more}`
  // At once: a reader such as head may close the pipe after its first lines.
  process.stdout.write(`${[counts, ...lines].join('\n')}\n`)
}
