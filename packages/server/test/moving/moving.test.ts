import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import * as fc from 'fast-check'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'

import { openMoveSource, openMoveTarget } from '../../src/databases-to-move.ts'
import { exportDatabase } from '../../src/move/export.ts'
import { type ImportResult, importDatabase } from '../../src/move/import.ts'
import { type StoreOptions, openStore } from '../../src/open-store.ts'
import { keyIdOf } from '../../src/storage/key-ring.ts'
import { MOVED_TABLES, type MoveTarget } from '../../src/storage/move.ts'
import { openDatabase } from '../../src/storage/sqlite/database.ts'
import { temporaryFolder } from '../storage/temporary-folder.ts'
import { dropSchema, newSchemaName, sharedPostgres } from '../support/postgres.ts'
import { type Content, content, everythingIn, everythingOf, fillSqlite, withoutNul } from './moved-rows.ts'

const KEY = new Uint8Array(randomBytes(32))

/** Tables and columns that the target makes anew, or that only one of the databases has. */
const LEFT_OUT = {
  sqlite: ['delivery.lease', 'encryption_key', 'message_label', 'node'],
  postgres: [
    'delivery.claim',
    'delivery.lease',
    'encryption_key',
    'message_event',
    'message_label',
    'migration',
    'node',
    'outbox',
    'outbox_refused',
    'pace',
  ],
}

const silent = { clock: () => 0, say: () => {} }

async function newFolder(keys = [KEY]): Promise<StoreOptions> {
  return { data: await temporaryFolder(), encryptionKeys: keys }
}

async function newSchema(keys = [KEY]): Promise<StoreOptions> {
  const { url } = await sharedPostgres()
  const schema = newSchemaName()
  onTestFinished(() => dropSchema(url, schema))
  return {
    data: await temporaryFolder(),
    encryptionKeys: keys,
    database: new URL(url),
    databaseSchema: schema,
  }
}

async function filledFolder(rows: Content): Promise<StoreOptions> {
  const options = await newFolder()
  fillSqlite(join(options.data, 'posthorn.db'), KEY, rows)
  return options
}

async function exportOf(options: StoreOptions, id = 'one'): Promise<Buffer> {
  const source = await openMoveSource(options)
  const texts: string[] = []
  await exportDatabase({
    ...silent,
    source,
    header: { id, version: '0.1.0', madeAt: '2026-11-24T00:00:00.000Z' },
    write: async (text) => void texts.push(text),
  })
  await source.close()
  return Buffer.from(texts.join(''))
}

function importInto(
  options: StoreOptions,
  file: Buffer,
  wrap: (target: MoveTarget) => MoveTarget = (target) => target,
): Promise<ImportResult> {
  return importDatabase({
    ...silent,
    open: async function* () {
      yield file
    },
    isFile: true,
    size: file.length,
    openTarget: async (keyIds) => wrap(await openMoveTarget(options, keyIds)),
  })
}

const everythingAt = async (options: StoreOptions, key = KEY) =>
  everythingIn(await openMoveSource(options), key)

/** Why neither a server nor an export starts on it. */
async function refusalsOf(options: StoreOptions): Promise<string[]> {
  const { store } = openStore(options, { isExclusive: true })
  const why = async (work: Promise<unknown>) =>
    work.then(
      () => 'it starts',
      (error: Error) => error.message,
    )
  const both = [await why(store.start()), await why(openMoveSource(options))]
  await store.stop()
  return both
}

/** Content of an application with messages, one with labels. */
const [SAMPLE] = fc.sample(content(KEY), { numRuns: 1, seed: 7 }) as [Content]

test('whatever the tables hold goes from SQLite to PostgreSQL, and on to PostgreSQL and SQLite, as it was', async () => {
  await fc.assert(
    fc.asyncProperty(content(KEY), async (rows) => {
      const source = await filledFolder(rows)
      expect(await everythingAt(source)).toEqual(everythingOf(rows, KEY))

      const folder = await newFolder()
      await importInto(folder, await exportOf(source))
      expect(await everythingAt(folder)).toEqual(everythingOf(rows, KEY))

      const first = await newSchema()
      await importInto(first, await exportOf(source))
      const expected = everythingOf(withoutNul(rows), KEY)
      expect(await everythingAt(first)).toEqual(expected)

      const [second, back] = [await newSchema(), await newFolder()]
      await importInto(second, await exportOf(first))
      expect(await everythingAt(second)).toEqual(expected)
      await importInto(back, await exportOf(second))
      expect(await everythingAt(back)).toEqual(expected)
      expect(labelsIn(back)).toEqual(labelsOf(withoutNul(rows)))
    }),
    { numRuns: 6, endOnFailure: true },
  )
}, 180_000)

/** Labels of messages, as they follow from the messages. */
function labelsOf(rows: Content): string[] {
  const { columns } = MOVED_TABLES.find(({ name }) => name === 'message')!
  const at = (name: string) => columns.findIndex((column) => column.name === name)
  const labels = rows['message']!.flatMap((row) =>
    (['tags', 'channels'] as const).flatMap((column, kind) =>
      ((row[at(column)] ?? []) as string[]).map((name) => `${kind} ${name} ${row[at('id')] as string}`),
    ),
  )
  return [...new Set(labels)].toSorted()
}

function labelsIn({ data }: StoreOptions): string[] {
  const database = new DatabaseSync(join(data, 'posthorn.db'))
  const rows = database.prepare('SELECT kind, name, message_id FROM message_label').all()
  database.close()
  return rows
    .map((row) => `${row['kind'] as number} ${row['name'] as string} ${row['message_id'] as string}`)
    .toSorted()
}

test('no table and no column of either database is forgotten', async () => {
  const moved = MOVED_TABLES.flatMap(({ name, columns }) => columns.map((column) => `${name}.${column.name}`))
  const embedded = openDatabase(':memory:')
  const inSqlite = embedded
    .prepare(
      `SELECT list.name || '.' || info.name AS name FROM pragma_table_list AS list JOIN pragma_table_info(list.name) AS info
       WHERE list.type = 'table' AND list.schema = 'main' AND list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .all()
    .map((row) => row['name'] as string)
  embedded.close()
  const isLeftOut = (column: string, list: readonly string[]) =>
    list.includes(column) || list.includes(column.split('.')[0]!)
  expect(inSqlite.filter((column) => !isLeftOut(column, LEFT_OUT.sqlite)).toSorted()).toEqual(
    // There the application of a key is that of its message.
    moved.filter((column) => column !== 'message_key.application_id').toSorted(),
  )

  const options = await newSchema()
  await (await openMoveTarget(options, [])).close()
  const client = new Client({ connectionString: options.database!.href })
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname || '.' || a.attname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped`,
    [options.databaseSchema],
  )
  await client.end()
  const inPostgres = rows.map(({ name }) => name)
  expect(inPostgres.filter((column) => !isLeftOut(column, LEFT_OUT.postgres)).toSorted()).toEqual(
    [...moved].toSorted(),
  )
})

test.for(['SQLite', 'PostgreSQL'] as const)(
  'cut off before or after any of its commits, an import into %s goes on: nothing twice, nothing missing',
  { timeout: 120_000 },
  async (database) => {
    const file = await exportOf(await filledFolder(SAMPLE))
    const options = database === 'SQLite' ? await newFolder() : await newSchema()
    let writes = 0
    const ends: string[] = []
    const refusals: unknown[] = []
    while (ends.at(-1) !== 'whole' && ends.length <= 2 * MOVED_TABLES.length) {
      // Each run writes one chunk and dies: one time before it has heard of the commit, one time before the next chunk.
      let left = 1
      const wrap = (target: MoveTarget): MoveTarget => ({
        ...target,
        async write(chunk) {
          if (left-- === 0) throw new Error('cut off')
          writes += 1
          const replaced = await target.write(chunk)
          if (writes % 2 === 0) throw new Error('cut off')
          return replaced
        },
      })
      ends.push(
        await importInto(options, file, wrap).then(
          () => 'whole',
          (error: Error) => error.message,
        ),
      )
      if (ends.at(-1) === 'cut off') refusals.push(...(await refusalsOf(options)))
    }
    expect(new Set(ends)).toEqual(new Set(['cut off', 'whole']))
    expect(new Set(refusals)).toEqual(new Set(['An import into this database is not finished']))
    expect(writes).toBe(MOVED_TABLES.length)
    const expected = everythingOf(database === 'SQLite' ? SAMPLE : withoutNul(SAMPLE), KEY)
    expect(await everythingAt(options)).toEqual(expected)
    expect(await importInto(options, file)).toMatchObject({ skipped: writes })
    expect(await everythingAt(options)).toEqual(expected)
  },
)

test.for(['SQLite', 'PostgreSQL'] as const)(
  '%s takes no second export, and nothing where something is',
  async (database) => {
    const options = database === 'SQLite' ? await newFolder() : await newSchema()
    const source = await filledFolder(SAMPLE)
    await importInto(options, await exportOf(source, 'one'))
    await expect(importInto(options, await exportOf(source, 'two'))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('was imported into this database before'),
    })

    const used = database === 'SQLite' ? await newFolder() : await newSchema()
    const { store } = openStore(used, { isExclusive: true })
    await store.start()
    await store.createEventType({
      organisationId: 'org_1',
      name: 'a',
      description: '',
      archived: false,
      deprecated: false,
      schemas: null,
      featureFlags: null,
      groupName: null,
      retryScheduleMs: null,
      createdAt: 1,
      updatedAt: 1,
    })
    await store.stop()
    await expect(importInto(used, await exportOf(source))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('"event_type"'),
    })
  },
)

test.for(['SQLite', 'PostgreSQL'] as const)(
  '%s seals with the first of its keys what another one sealed',
  async (database) => {
    const next = new Uint8Array(randomBytes(32))
    const file = await exportOf(await filledFolder(SAMPLE))
    const options = await (database === 'SQLite' ? newFolder : newSchema)([next, KEY])
    await importInto(options, file)
    // Opened with the new key alone.
    const { store } = openStore({ ...options, encryptionKeys: [next, KEY] }, { isExclusive: false })
    await store.start()
    expect(await store.forgetEncryptionKeys()).toEqual([])
    expect((await store.listEncryptionKeys()).map(({ id }) => id)).toEqual([keyIdOf(next)])
    await store.stop()
    const expected = everythingOf(database === 'SQLite' ? SAMPLE : withoutNul(SAMPLE), KEY)
    expect(await everythingAt({ ...options, encryptionKeys: [next] }, next)).toEqual(expected)
  },
)

test('without the key of the source nothing is made', async () => {
  const file = await exportOf(await filledFolder(SAMPLE))
  const options = await newFolder([new Uint8Array(randomBytes(32))])
  await expect(importInto(options, file)).rejects.toMatchObject({
    code: 'bad_key',
    message: expect.stringContaining(keyIdOf(KEY)),
  })
  await expect(importInto({ data: options.data }, file)).rejects.toMatchObject({ code: 'bad_key' })
  writeFileSync(join(options.data, 'encryption.key'), `${Buffer.from(KEY).toString('base64')}\n`)
  await importInto({ data: options.data }, file)
  expect(await everythingAt(options.data === '' ? options : { data: options.data })).toEqual(
    everythingOf(SAMPLE, KEY),
  )
})

test('an export that is damaged writes nothing, and one that changed since is not gone on with', async () => {
  const file = await exportOf(await filledFolder(SAMPLE))
  const options = await newFolder()
  await expect(importInto(options, file.subarray(0, -5))).rejects.toMatchObject({ code: 'bad_export' })
  await expect(openMoveSource(options)).rejects.toMatchObject({
    message: expect.stringContaining('There is no database'),
  })

  const cut = (target: MoveTarget): MoveTarget => ({
    ...target,
    write: async (chunk) => (chunk.chunk === 3 ? Promise.reject(new Error('cut off')) : target.write(chunk)),
  })
  await expect(importInto(options, file, cut)).rejects.toThrow('cut off')
  const other = await exportOf(await filledFolder({ ...SAMPLE, organisation: [['org_other', 1]] }))
  await expect(importInto(options, other)).rejects.toMatchObject({
    code: 'bad_export',
    message: expect.stringContaining('Chunk 2'),
  })
  await importInto(options, file)
  expect(await everythingAt(options)).toEqual(everythingOf(SAMPLE, KEY))
})

test('rows that something else wrote meanwhile are told, and no server starts', async () => {
  const file = await exportOf(await filledFolder(SAMPLE))
  const options = await newFolder()
  const meddle = (target: MoveTarget): MoveTarget => ({
    ...target,
    async write(chunk) {
      const replaced = await target.write(chunk)
      if (chunk.chunk === 1) {
        const database = new DatabaseSync(join(options.data, 'posthorn.db'))
        database.exec("INSERT INTO organisation VALUES ('org_meddler', 1)")
        database.close()
      }
      return replaced
    },
  })
  await expect(importInto(options, file, meddle)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('"organisation"'),
  })
  await expect(openMoveSource(options)).rejects.toMatchObject({ code: 'data_unreadable' })
})
