/**
 * Reads an export into an empty database.
 *
 *     read through (a file) ─▶ keys are here? ─▶ begin, or go on ─▶ chunk … chunk ─▶ counts are right? ─▶ finished
 *                                                     each chunk with its number, in one transaction
 *
 * Wherever it is cut off, the next run goes on behind the last chunk that is on disk: nothing twice, nothing missing.
 *
 * @module
 */

import { PosthornError } from '../domain/errors.ts'
import { MOVED_TABLES, type MoveTarget } from '../storage/move.ts'
import { type ExportHeader, type ExportPart, type Manifest, readExport } from './format.ts'
import { type ProgressDeps, moveProgress } from './progress.ts'

/** What an import works with. */
export interface ImportDeps extends ProgressDeps {
  /** Opens the export from its beginning. */
  readonly open: () => AsyncIterable<Uint8Array>
  /** It can be opened more than once, and is read through before anything is written. */
  readonly isFile: boolean
  /** Its size in bytes; `null` where that is not known. */
  readonly size: number | null
  /** Opens the target, which must have these keys. @throws {PosthornError} `bad_key`: it has not. */
  readonly openTarget: (keyIds: ExportHeader['keys']) => Promise<MoveTarget>
}

/** What an import did. */
export interface ImportResult {
  readonly manifest: Manifest
  /** Chunks that an earlier run had written. */
  readonly skipped: number
  /** Texts of which a character was replaced, because the target cannot hold it. */
  readonly replaced: number
}

/**
 * Imports an export, or goes on with its import.
 *
 * @throws {PosthornError} `bad_export`, `conflict`, `bad_key`, and what the target says.
 */
export async function importDatabase(deps: ImportDeps): Promise<ImportResult> {
  const { open, isFile, say, openTarget } = deps
  if (isFile) {
    say('Reading the export through')
    for await (const part of readExport(open())) void part
  }
  const counted = countBytes(open())
  const parts = readExport(counted.bytes)
  const header = await headerOf(parts)
  const target = await openTarget(header.header.keys)
  try {
    return await importParts(parts, { ...deps, target, header, bytesRead: counted.read })
  } finally {
    await target.close()
  }
}

type HeaderPart = Extract<ExportPart, { kind: 'header' }>

interface ImportContext extends ImportDeps {
  readonly target: MoveTarget
  readonly header: HeaderPart
  readonly bytesRead: () => number
}

async function importParts(parts: AsyncIterable<ExportPart>, context: ImportContext): Promise<ImportResult> {
  const { target, header, say, size, bytesRead } = context
  const position = await target.begin(header.header.id, header.checksum)
  if (position.chunk > 0) {
    say(position.isFinished ? 'This export was imported before' : `Going on after chunk ${position.chunk}`)
  }
  const progress = moveProgress(context)
  let replaced = 0
  for await (const part of parts) {
    if (part.kind === 'header') continue
    if (part.kind === 'end') {
      if (!position.isFinished) {
        await requireAll(target, part.manifest)
        await target.finish()
      }
      return { manifest: part.manifest, skipped: position.chunk, replaced }
    }
    const { chunk, checksum, table, count } = part
    if (chunk === position.chunk && checksum !== position.checksum) throw changed(chunk)
    if (chunk <= position.chunk) continue
    replaced += await target.write({ chunk, checksum, table, rows: part.rows() })
    progress.add(table.name, count, size === null ? null : bytesRead() / size)
  }
  throw new RangeError('an export ends with its manifest')
}

async function headerOf(parts: AsyncGenerator<ExportPart>): Promise<HeaderPart> {
  const { value } = (await parts.next()) as { value: ExportPart }
  if (value.kind !== 'header') throw new RangeError('an export begins with its header')
  return value
}

async function requireAll(target: MoveTarget, { rows }: Manifest): Promise<void> {
  for (const table of MOVED_TABLES) {
    const there = await target.countRows(table)
    const expected = rows[table.name] ?? 0
    if (there === expected) continue
    throw new PosthornError(
      'conflict',
      `The database has ${there} rows in "${table.name}", and the export ${expected}`,
      {
        hint: 'Something else wrote into it meanwhile. Import into a new folder or schema',
      },
    )
  }
}

function changed(chunk: number): PosthornError {
  return new PosthornError('bad_export', `Chunk ${chunk} is another one than that which was imported`, {
    hint: 'Go on with the file that the import was begun with',
  })
}

function countBytes(input: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly read: () => number
} {
  let read = 0
  return {
    bytes: (async function* () {
      for await (const bytes of input) {
        read += bytes.byteLength
        yield bytes
      }
    })(),
    read: () => read,
  }
}
