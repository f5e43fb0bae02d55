import { DatabaseSync } from 'node:sqlite'

import { expect, test } from 'vitest'

import { openDatabase } from './database.ts'
import { sealedTables } from './sealed-columns.ts'

// A new column of bytes shows up here: it is sealed by a box, or it belongs among those that are not.
test('these columns hold sealed values, and no others', () => {
  const database = openDatabase(':memory:')
  expect(sealedTables(database)).toEqual([
    { table: 'answer', key: ['key'], columns: ['content'] },
    {
      table: 'endpoint',
      key: ['application_id', 'id'],
      columns: ['secret', 'headers', 'old_secrets', 'auth'],
    },
    { table: 'signing_key', key: ['id'], columns: ['private_key'] },
  ])
})

test('a column of bytes that is added to the schema counts as sealed', () => {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE thing (a TEXT, b INTEGER, token BLOB, note TEXT, PRIMARY KEY (b, a)) STRICT')
  expect(sealedTables(database)).toEqual([{ table: 'thing', key: ['b', 'a'], columns: ['token'] }])
})
