/** PostgreSQL as the source of a move. @module */

import type pg from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import { requireFinished } from '../import-refusals.ts'
import type { GivenKeys } from '../key-ring.ts'
import {
  CHUNK_BYTES,
  CHUNK_ROWS,
  type CellKind,
  type MoveSource,
  type MovedRow,
  type MovedTable,
  sizeOfRow,
} from '../move.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { KeyRing, settleKeys } from './encryption-keys.ts'
import { findImport } from './import-state.ts'
import { planMigrations } from './migrate.ts'
import { dayNamed, listDays } from './partitions.ts'
import { raw } from './sql.ts'

/** Rows that are asked for first, while nothing is known of their size. */
const FIRST_ROWS = 32

/**
 * Opens a database to move it, in one snapshot: servers go on beside it. No partition is dropped or made meanwhile.
 *
 * @throws {PosthornError} `data_unreadable`: not there, of another schema, or itself only imported in part. `bad_key`.
 */
export async function openPostgresSource(options: DatabaseOptions, keys: GivenKeys): Promise<MoveSource> {
  const database = new Database(options)
  const client = database.client()
  client.on('error', () => {})
  const close = async () => {
    await client.end().catch(() => {})
    await database.stop()
  }
  try {
    const { applied, pending } = await planMigrations(database)
    if (applied === 0 || pending.length > 0) {
      throw new PosthornError(
        'data_unreadable',
        applied === 0
          ? `There is no Posthorn in the schema ${options.schema}`
          : 'The schema is of an older Posthorn',
        {
          hint:
            applied === 0
              ? 'Name the right schema'
              : 'Start this version on it once, or run "posthorn migrate"',
        },
      )
    }
    requireFinished(await findImport(database))
    await settleKeys(database, new KeyRing(keys), { isServer: false })
    const known = await database.rows(
      raw("SELECT id FROM encryption_key WHERE state <> 'offered' ORDER BY id"),
    )
    const nodes = await database.row(raw('SELECT EXISTS (SELECT 1 FROM node) AS is_served'))
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    // A drop is no deletion: it would take rows out of the snapshot too.
    await client.query('LOCK TABLE message, delivery, attempt IN ACCESS SHARE MODE')
    await client.query('SET LOCAL synchronize_seqscans = off')
    const days = await listDays(database)
    return {
      isServed: nodes!['is_served'] === true,
      unmovable: await outboxOf(database),
      keyIds: known.map((row) => row['id'] as string),
      async *readRows(table) {
        for (const query of queriesFor(table, days)) yield* batches(client, query)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What `send` has put there becomes messages first. */
async function outboxOf(database: Database): Promise<MoveSource['unmovable']> {
  const row = await database.row(
    raw('SELECT (SELECT count(*) FROM outbox) AS waiting, (SELECT count(*) FROM outbox_refused) AS refused'),
  )
  const [waiting, refused] = [row!['waiting'] as number, row!['refused'] as number]
  if (waiting + refused === 0) return null
  return {
    message: `The outbox has ${waiting} events that wait and ${refused} that were refused, and an export has no place for them`,
    hint: 'Let a server take those that wait while nothing is sent, and send those that were refused again with send_refused or delete them; or leave them here with --leave-outbox',
  }
}

/** Messages are read by days; what lies between, before and after them is in no day's partition, and is sorted. */
function queriesFor({ name, columns }: MovedTable, days: readonly string[]): string[] {
  const select = `SELECT ${columns.map((column) => textOf(column)).join(', ')} FROM ${name}`
  if (name !== 'message') return [select]
  const bounds = days.map(dayNamed)
  const between = (from: string | undefined, to: string | undefined) =>
    [from === undefined ? 'true' : `id >= '${from}'`, to === undefined ? 'true' : `id < '${to}'`].join(
      ' AND ',
    )
  return [
    ...bounds.flatMap(({ from, to }, i) => [
      `${select} WHERE ${between(bounds[i - 1]?.to, from)} ORDER BY id`,
      `${select} WHERE ${between(from, to)}`,
    ]),
    `${select} WHERE ${between(bounds.at(-1)?.to, undefined)} ORDER BY id`,
  ]
}

/** The text of a JSON cell, as it is: the driver would parse it. */
function textOf({ name, kind }: { readonly name: string; readonly kind: CellKind }): string {
  return kind === 'json' ? `${name}::text` : name
}

/** Reads with a cursor, so that no more than a batch is in memory. How many rows that is follows from their size. */
async function* batches(client: pg.Client, query: string): AsyncGenerator<readonly MovedRow[]> {
  await client.query(`DECLARE moved NO SCROLL CURSOR FOR ${query}`)
  for (let limit = FIRST_ROWS; ;) {
    const { rows } = await client.query<MovedRow & unknown[]>({
      text: `FETCH ${limit} FROM moved`,
      rowMode: 'array',
    })
    if (rows.length > 0) yield rows
    if (rows.length < limit) break
    const bytes = rows.reduce((sum, row) => sum + sizeOfRow(row), 0)
    limit = Math.max(
      1,
      Math.min(2 * limit, CHUNK_ROWS, Math.floor((CHUNK_BYTES * limit) / Math.max(bytes, 1))),
    )
  }
  await client.query('CLOSE moved')
}
