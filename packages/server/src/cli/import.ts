/** `posthorn import`: reads an export into an empty database. @module */

import { createReadStream, statSync } from 'node:fs'

import { Command } from 'commander'

import { openMoveTarget } from '../databases-to-move.ts'
import { PosthornError } from '../domain/errors.ts'
import { importDatabase } from '../move/import.ts'
import { describeRows } from '../move/progress.ts'
import { STORE_OPTIONS } from '../open-store.ts'
import type { Options } from '../options.ts'
import { addOptions, givenOptions } from './given-options.ts'

const READ_BYTES = 1_048_576

/** Returns the command. */
export function importCommand(): Command {
  const command = new Command('import')
    .description('Read an export into an empty database; cut off, it goes on when it is run again')
    .argument('<file>', 'The export, or - for standard input')
    .addHelpText(
      'after',
      `
The database is a new folder or schema on which no server was started yet; none starts on it before the import is finished.
Give the encryption key of the source (--encryption-key-file or POSTHORN_ENCRYPTION_KEY). Where a new key stands before it,
everything is encrypted with that one. A file is read through before anything is written; standard input is checked on the
way. Run it again with the same export after anything that cut it off.`,
    )
  addOptions(command, STORE_OPTIONS)
  return command.action(async (file: string) => run(file, givenOptions(command)))
}

async function run(file: string, options: Options): Promise<void> {
  const input = inputOf(file)
  const { manifest, skipped, replaced } = await importDatabase({
    ...input,
    openTarget: (keyIds) => openMoveTarget(options, keyIds),
    clock: () => performance.now(),
    say: (text) => void process.stderr.write(`${text}\n`),
  })
  if (replaced > 0) {
    process.stderr.write(
      `${replaced} texts had a NUL character, which PostgreSQL cannot hold: U+FFFD stands in its place\n`,
    )
  }
  const before = skipped > 0 ? ` (${skipped} of them before this run)` : ''
  process.stdout.write(
    `Imported all ${manifest.chunks} chunks${before}, counts are right: ${describeRows(manifest.rows)}\n`,
  )
}

function inputOf(file: string): {
  open: () => AsyncIterable<Uint8Array>
  isFile: boolean
  size: number | null
} {
  if (file === '-') return { open: () => process.stdin, isFile: false, size: null }
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new PosthornError('bad_export', `There is no file ${file}`, {
      hint: 'Name the file that "posthorn export" wrote',
    })
  }
  const open = () => createReadStream(file, { highWaterMark: READ_BYTES })
  return found.isFile() ? { open, isFile: true, size: found.size } : { open, isFile: false, size: null }
}
