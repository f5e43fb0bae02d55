import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { MOVED_TABLES, type MovedRow } from '../storage/move.ts'
import { ExportText, readExport } from './format.ts'

const TABLES = new Map(MOVED_TABLES.map((table) => [table.name, table]))
const ORGANISATION = TABLES.get('organisation')!
const LINE = TABLES.get('endpoint_line')!
const KEY = TABLES.get('signing_key')!

/** Lines: header, then four for each chunk of two rows, then the end. */
const LINES = 14

function exportOf(chunks: readonly (readonly [typeof ORGANISATION, readonly MovedRow[]])[]): Buffer {
  const text = new ExportText()
  const header = text.header({
    id: 'x',
    version: '1.0.0',
    madeAt: '2026-11-24T00:00:00.000Z',
    keys: ['abcd0123'],
  })
  return Buffer.from(
    header + chunks.map(([table, rows]) => text.chunk(table, rows)).join('') + text.end().text,
  )
}

const SAMPLE = exportOf([
  [
    ORGANISATION,
    [
      ['org_1', 1],
      ['org_2', 2],
    ],
  ],
  [
    LINE,
    [
      ['app_1', 'ep_1', 7],
      ['app_1', 'ep_2', 8],
    ],
  ],
  [
    KEY,
    [
      ['k1', Buffer.from([1, 2, 255]), 1, null],
      ['k2', Buffer.from([]), 1, 2],
    ],
  ],
])

async function read(bytes: Uint8Array, pieceBytes = bytes.length): Promise<unknown[]> {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const parts: unknown[] = []
  for await (const part of readExport(pieces())) {
    parts.push(part.kind === 'chunk' ? { table: part.table.name, rows: part.rows() } : part.kind)
  }
  return parts
}

test('what was written is read, in pieces of any size', async () => {
  const whole = await read(SAMPLE)
  expect(whole).toEqual([
    'header',
    {
      table: 'organisation',
      rows: [
        ['org_1', 1],
        ['org_2', 2],
      ],
    },
    {
      table: 'endpoint_line',
      rows: [
        ['app_1', 'ep_1', 7],
        ['app_1', 'ep_2', 8],
      ],
    },
    {
      table: 'signing_key',
      rows: [
        ['k1', Buffer.from([1, 2, 255]), 1, null],
        ['k2', Buffer.from([]), 1, 2],
      ],
    },
    'end',
  ])
  for (const pieceBytes of [1, 7, 100]) expect(await read(SAMPLE, pieceBytes)).toEqual(whole)
})

test('an export that is cut off anywhere is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: SAMPLE.length - 1 }), async (length) => {
      await expect(read(SAMPLE.subarray(0, length))).rejects.toMatchObject({ code: 'bad_export' })
    }),
  )
})

test('an export with any byte changed is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(SAMPLE.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(SAMPLE)
      changed[at]! ^= change
      await expect(read(changed)).rejects.toMatchObject({ code: 'bad_export' })
    }),
    { numRuns: 500 },
  )
})

test('an export without one of its lines, with two of them swapped, or with more at its end is refused', async () => {
  const lines = SAMPLE.toString().split(/(?<=\n)/)
  expect(lines).toHaveLength(LINES)
  const variants = lines.flatMap((_line, i) => [
    lines.toSpliced(i, 1),
    ...(i === 0 ? [] : [lines.with(i, lines[i - 1]!).with(i - 1, lines[i]!)]),
  ])
  // A whole chunk, with its checksum.
  variants.push(lines.toSpliced(5, 4), [...lines, lines.at(-1)!], [...lines, ...lines])
  for (const variant of variants) {
    await expect(read(Buffer.from(variant.join('')))).rejects.toMatchObject({ code: 'bad_export' })
  }
})

test('what is no export, and an export with other tables, is refused in its own words', async () => {
  await expect(read(Buffer.from('{"a":1}\n'))).rejects.toThrow('no export of Posthorn')
  await expect(read(Buffer.from([0x1f, 0x8b, 8, 0, 10]))).rejects.toThrow('no export of Posthorn')
  await expect(read(Buffer.from(''))).rejects.toThrow('empty')
  const other = SAMPLE.toString().replace('["organisation",["id","created_at"]]', '["organisation",["id"]]')
  await expect(read(Buffer.from(other))).rejects.toThrow('made by Posthorn 1.0.0')
  const later = SAMPLE.toString().replace('"format":1', '"format":2')
  await expect(read(Buffer.from(later))).rejects.toThrow('another form')
})

test('a row whose cells are not of their kinds is refused, though its checksum is right', async () => {
  for (const row of [['org_1'], ['org_1', '1'], [1, 1], ['org_1', 1.5]]) {
    await expect(read(exportOf([[ORGANISATION, [row]]]))).rejects.toMatchObject({ code: 'bad_export' })
  }
})
