/** Writes a database out, to be imported into another. @module */

import type { MoveSource } from '../storage/move.ts'
import { MOVED_TABLES } from '../storage/move.ts'
import { type ExportHeader, ExportText, type Manifest } from './format.ts'
import { type ProgressDeps, moveProgress } from './progress.ts'

/** What an export works with. */
export interface ExportDeps extends ProgressDeps {
  readonly source: MoveSource
  readonly header: Pick<ExportHeader, 'id' | 'version' | 'madeAt'>
  /** Resolves when more may be written. */
  readonly write: (text: string) => Promise<void>
}

/** Writes everything that is in the source, and returns what that is. */
export async function exportDatabase({ source, header, write, ...told }: ExportDeps): Promise<Manifest> {
  const progress = moveProgress(told)
  const text = new ExportText()
  await write(text.header({ ...header, keys: source.keyIds }))
  for (const table of MOVED_TABLES) {
    for await (const rows of source.readRows(table)) {
      await write(text.chunk(table, rows))
      progress.add(table.name, rows.length, null)
    }
  }
  const end = text.end()
  await write(end.text)
  return end.manifest
}
