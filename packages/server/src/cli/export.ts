/** `posthorn export`: writes everything that a database has, to be imported into another. @module */

import { once } from 'node:events'
import { type WriteStream, createWriteStream, existsSync, renameSync } from 'node:fs'
import { finished } from 'node:stream/promises'

import { Command } from 'commander'

import { openMoveSource } from '../databases-to-move.ts'
import { PosthornError } from '../domain/errors.ts'
import { randomText } from '../domain/id.ts'
import { exportDatabase } from '../move/export.ts'
import { describeRows } from '../move/progress.ts'
import { STORE_OPTIONS } from '../open-store.ts'
import type { Options } from '../options.ts'
import { VERSION } from '../version.ts'
import { addOptions, givenOptions } from './given-options.ts'

const ID_LENGTH = 22

/** Returns the command. */
export function exportCommand(): Command {
  const command = new Command('export')
    .description('Write everything that the database has to a file, to be imported into another one')
    .argument('<file>', 'Where to: a file that is not there yet, or - for standard output')
    .option(
      '--leave-outbox',
      'Leave behind what waits in the outbox on PostgreSQL; without it that is refused',
      false,
    )
    .addHelpText(
      'after',
      `
It has what the database had when the export began. Stop the server first, and nothing is left out or sent twice; beside a
running one it is a snapshot. Secrets stay encrypted: the target needs the same encryption key. Payloads are not: keep the
file as you keep the database.

  posthorn export - --data ./data | gzip > posthorn.export.gz
  gunzip -c posthorn.export.gz | posthorn import - --database postgres://posthorn@db.example/posthorn`,
    )
  addOptions(command, STORE_OPTIONS)
  return command.action(async (file: string) => {
    const { leaveOutbox } = command.opts<{ leaveOutbox: boolean }>()
    await run(file, givenOptions(command), leaveOutbox)
  })
}

async function run(file: string, options: Options, leaveOutbox: boolean): Promise<void> {
  const isPipe = file === '-'
  if (!isPipe && existsSync(file)) {
    throw new PosthornError('bad_config', `${file} is there already`, {
      hint: 'Name another file, or remove it',
    })
  }
  const source = await openMoveSource(options)
  const say = (text: string) => void process.stderr.write(`${text}\n`)
  try {
    if (source.unmovable !== null && !leaveOutbox) {
      const { message, hint } = source.unmovable
      throw new PosthornError('conflict', message, { hint })
    }
    if (source.isServed)
      say('A server runs on this database: what it does from now on will not be in the export')
    const output = isPipe ? process.stdout : createWriteStream(`${file}.part`, { mode: 0o600, flush: true })
    // Each write looks for it: without a listener it would end the process.
    output.on('error', () => {})
    // Waited for from the start, so that a disk that is full ends the export and not the process.
    const closed = isPipe ? Promise.resolve() : finished(output)
    closed.catch(() => {})
    const manifest = await exportDatabase({
      source,
      header: { id: randomText(ID_LENGTH), version: VERSION, madeAt: new Date().toISOString() },
      write: (text) => writeTo(output, text),
      clock: () => performance.now(),
      say,
    })
    if (output.errored !== null) throw output.errored
    if (!isPipe) {
      output.end()
      await closed
      renameSync(`${file}.part`, file)
    }
    say(`Exported ${manifest.chunks} chunks: ${describeRows(manifest.rows)}`)
  } catch (error) {
    throw isSystemError(error) ? notWritten(isPipe ? 'standard output' : file, error) : error
  } finally {
    await source.close()
  }
}

async function writeTo(output: NodeJS.WriteStream | WriteStream, text: string): Promise<void> {
  if (output.errored !== null) throw output.errored
  if (!output.write(text)) await once(output, 'drain')
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function notWritten(place: string, cause: NodeJS.ErrnoException): PosthornError {
  return new PosthornError('bad_config', `The export cannot be written to ${place}: ${cause.message}`, {
    hint: 'It needs a folder that is writable and has room, or a reader at the other end of the pipe',
    cause,
  })
}
