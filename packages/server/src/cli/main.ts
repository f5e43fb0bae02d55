/** The command line: `posthorn <command>`. @module */

import { Command } from 'commander'

import { PosthornError } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import { exportCommand } from './export.ts'
import { importCommand } from './import.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { outboxCommand } from './outbox.ts'
import { receiveCommand } from './receive.ts'
import { relayCommand } from './relay.ts'
import { serveCommand } from './serve.ts'
import { tokenCommand } from './token.ts'

const program = new Command('posthorn')
  .description(
    'Webhooks, done well, for both ends: signed, retried, fair, recorded delivery from one program.',
  )
  .version(VERSION)
  .showHelpAfterError('(posthorn --help shows the commands, posthorn <command> --help their options)')
  .addHelpText(
    'after',
    `
A first look, in three terminals:
  posthorn serve --dev                          starts it, and prints a token and a request to try
  posthorn receive --port 4000                  receives, and prints what arrives
  curl -X POST http://127.0.0.1:8071/api/v1/app/demo/msg \\
    -H "authorization: Bearer $TOKEN" -H "content-type: application/json" \\
    -d '{"eventType":"invoice.paid","payload":{"total":1.0}}'

Options may also be given as POSTHORN_* variables or in a file: see posthorn serve --help.`,
  )

for (const command of [
  serveCommand(),
  receiveCommand(),
  tokenCommand(),
  keysCommand(),
  migrateCommand(),
  outboxCommand(),
  relayCommand(),
  exportCommand(),
  importCommand(),
]) {
  program.addCommand(command)
  // What is said after an error; Commander hands it down only to commands that it makes itself.
  for (const each of [command, ...command.commands]) each.copyInheritedSettings(program)
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof PosthornError)) throw error
  process.stderr.write(`posthorn: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}\n`)
  process.exitCode = 1
}
