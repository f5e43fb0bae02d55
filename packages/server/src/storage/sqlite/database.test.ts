import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

import { expect, onTestFinished, test } from 'vitest'

import { claimFolder, openDatabase } from './database.ts'
import { MIGRATIONS } from './migrations.ts'

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'posthorn.db')
}

/** Closes it when the test has ended. */
function closing(database: DatabaseSync): DatabaseSync {
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  return database
}

const pragma = (database: DatabaseSync, name: string) =>
  Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0]

test('a commit is on disk when it returns: a write-ahead log, synchronised in full', () => {
  const database = closing(openDatabase(newPath()))
  expect(pragma(database, 'journal_mode')).toBe('wal')
  // 2 is FULL. Source: https://sqlite.org/pragma.html#pragma_synchronous
  expect(pragma(database, 'synchronous')).toBe(2)
})

test('a new file gets every step of the schema', () => {
  const database = closing(openDatabase(newPath()))
  expect(pragma(database, 'user_version')).toBe(MIGRATIONS.length)
})

test('to open a database that is up to date writes nothing, so nobody is told of a change', () => {
  const path = newPath()
  const first = closing(openDatabase(path))
  const before = pragma(first, 'data_version')
  closing(openDatabase(path))
  expect(pragma(first, 'data_version')).toBe(before)
})

test('two processes cannot both claim a path, and a claim ends with the one who has it', () => {
  const path = newPath()
  const claim = closing(claimFolder(path))
  expect(() => claimFolder(path)).toThrow(expect.objectContaining({ code: 'data_in_use' }))
  claim.close()
  closing(claimFolder(path))
})

test('a path that cannot be claimed for another reason is not said to be in use', () => {
  const path = join(newPath(), 'posthorn.db')
  expect(() => claimFolder(path)).toThrow(expect.objectContaining({ code: 'data_unreadable' }))
})
