/** Why a database does not take an export, and why a server does not start on one. @module */

import { PosthornError } from '../domain/errors.ts'
import type { ImportChunk, ImportPosition } from './move.ts'

/** The columns of the one row of `import_state`, which says how far an import into this database has come. */
export interface ImportState extends ImportPosition {
  readonly exportId: string
}

/** @throws {PosthornError} `conflict`: another export was begun. */
export function requireSameExport(state: ImportState, exportId: string): void {
  if (state.exportId === exportId) return
  throw new PosthornError(
    'conflict',
    state.isFinished
      ? `Another export (${state.exportId}) was imported into this database before`
      : `The import of another export (${state.exportId}) was begun in this database, and is not finished`,
    { hint: 'Go on with that one, or give an empty database: a new folder, or another schema' },
  )
}

/** The database has something in it. */
export function notEmpty(table: string): PosthornError {
  return new PosthornError('conflict', `The database is not empty: it has rows in "${table}"`, {
    hint: 'Import into a new folder, or another schema, on which no server has been started yet',
  })
}

/** @throws {PosthornError} `conflict`: the chunk is not the one that follows. */
export function requireNext(state: Pick<ImportState, 'chunk'>, { chunk }: Pick<ImportChunk, 'chunk'>): void {
  if (chunk === state.chunk + 1) return
  throw new PosthornError(
    'conflict',
    `Chunk ${state.chunk} is followed by chunk ${chunk}: another import runs`,
    {
      hint: 'Let one process import at a time',
    },
  )
}

/** @throws {PosthornError} `data_unreadable`: only a part of the export is there yet. */
export function requireFinished(state: ImportState | null): void {
  if (state === null || state.isFinished) return
  throw new PosthornError('data_unreadable', 'An import into this database is not finished', {
    hint: 'Run "posthorn import" again with the same export: it goes on where it was',
  })
}
