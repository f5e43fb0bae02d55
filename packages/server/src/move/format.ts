/**
 * The file of an export: lines of JSON, in chunks whose checksums each cover all that goes before.
 *
 *     {"posthorn":"export","format":1,"id":…,"keys":[…],"tables":[["organisation",["id","created_at"]],…]}
 *     {"chunk":1,"table":"organisation","rows":1}
 *     ["org_0Vb…",1790000000000]
 *     {"sha256":…}
 *     …
 *     {"end":true,"chunks":12,"rows":{"organisation":1,…},"sha256":…}
 *
 * So a byte that was changed, a chunk that is missing or stands elsewhere, and an end that is missing are each noticed.
 *
 * @module
 */

import { createHash } from 'node:crypto'

import { PosthornError } from '../domain/errors.ts'
import { type Cell, type CellKind, MOVED_TABLES, type MovedRow, type MovedTable } from '../storage/move.ts'

/** Another one is read by another version. */
const FORMAT = 1

/** The longest line that is read: a row has a payload of up to 1 MiB, and settings. */
const MAX_LINE_BYTES = 64 * 1_048_576

const NEWLINE = 10

/** What an export says of itself. */
export interface ExportHeader {
  /** Random: one export is never taken for another. */
  readonly id: string
  /** Of the Posthorn that made it. */
  readonly version: string
  readonly madeAt: string
  /** Ids of the encryption keys that its secrets were sealed with. */
  readonly keys: readonly string[]
}

/** What an export must have had in it. */
export interface Manifest {
  readonly chunks: number
  /** By table. */
  readonly rows: Readonly<Record<string, number>>
}

/** A part of an export, as it is read. `checksum` covers all up to and with it. */
export type ExportPart =
  | { readonly kind: 'header'; readonly header: ExportHeader; readonly checksum: string }
  | {
      readonly kind: 'chunk'
      readonly chunk: number
      readonly table: MovedTable
      readonly checksum: string
      readonly count: number
      /** Reads the rows. @throws {PosthornError} `bad_export`: a cell is not of its column's kind. */
      readonly rows: () => MovedRow[]
    }
  | { readonly kind: 'end'; readonly manifest: Manifest }

/** Makes the text of an export, part by part. */
export class ExportText {
  #checksum = ''
  #chunks = 0
  readonly #rows: Record<string, number> = Object.fromEntries(MOVED_TABLES.map(({ name }) => [name, 0]))

  header({ id, version, madeAt, keys }: ExportHeader): string {
    const tables = MOVED_TABLES.map(({ name, columns }) => [name, columns.map((column) => column.name)])
    const text = lineOf({ posthorn: 'export', format: FORMAT, id, version, madeAt, keys, tables })
    this.#checksum = checksumOf('', [text])
    return text
  }

  chunk(table: MovedTable, rows: readonly MovedRow[]): string {
    this.#chunks += 1
    this.#rows[table.name]! += rows.length
    const opening = lineOf({ chunk: this.#chunks, table: table.name, rows: rows.length })
    const text = opening + rows.map((row) => lineOf(row.map(toJson))).join('')
    this.#checksum = checksumOf(this.#checksum, [text])
    return text + lineOf({ sha256: this.#checksum })
  }

  /** The last line. */
  end(): { readonly text: string; readonly manifest: Manifest } {
    const manifest = { chunks: this.#chunks, rows: this.#rows }
    const sha256 = checksumOf(this.#checksum, [JSON.stringify(manifest)])
    return { text: lineOf({ end: true, ...manifest, sha256 }), manifest }
  }
}

/**
 * Reads an export, and holds every part to its checksum before it is passed on. No more than a chunk is in memory.
 *
 * @throws {PosthornError} `bad_export`: it is no export, of another version, was cut off or changed.
 */
export async function* readExport(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ExportPart> {
  const lines = linesOf(bytes)
  const first = (await lines.next()).value
  if (first === undefined) throw damaged('it is empty')
  const header = headerOf(first)
  let checksum = checksumOf('', [first])
  yield { kind: 'header', header, checksum }

  const seen: Record<string, number> = Object.fromEntries(MOVED_TABLES.map(({ name }) => [name, 0]))
  for (let chunk = 1; ; chunk++) {
    const opening = await next(lines, chunk)
    const given = fieldsOf(opening, chunk)
    if (given['end'] === true) {
      const manifest = { chunks: given['chunks'] as number, rows: given['rows'] as Manifest['rows'] }
      const isWhole =
        given['sha256'] === checksumOf(checksum, [JSON.stringify(manifest)]) &&
        manifest.chunks === chunk - 1 &&
        JSON.stringify(manifest.rows) === JSON.stringify(seen)
      if (!isWhole) throw damaged('its last line does not fit what goes before')
      if ((await lines.next()).done !== true) throw damaged('it goes on after its last line')
      yield { kind: 'end', manifest }
      return
    }
    const table = MOVED_TABLES.find(({ name }) => name === given['table'])
    const count = given['rows']
    if (given['chunk'] !== chunk || table === undefined || !isCount(count))
      throw damaged(`chunk ${chunk} is not where it should be`)
    const rows: Buffer[] = []
    for (let i = 0; i < count; i++) rows.push(await next(lines, chunk))
    checksum = checksumOf(checksum, [opening, ...rows])
    if (fieldsOf(await next(lines, chunk), chunk)['sha256'] !== checksum)
      throw damaged(`chunk ${chunk} does not have its checksum`)
    seen[table.name]! += count
    yield {
      kind: 'chunk',
      chunk,
      table,
      checksum,
      count,
      rows: () => rows.map((row) => rowOf(row, table, chunk)),
    }
  }
}

function headerOf(line: Buffer): ExportHeader {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(line.toString()) as Record<string, unknown>
  } catch {
    throw noExport()
  }
  if (fields?.['posthorn'] !== 'export') throw noExport()
  const tables = MOVED_TABLES.map(({ name, columns }) => [name, columns.map((column) => column.name)])
  if (fields['format'] !== FORMAT || JSON.stringify(fields['tables']) !== JSON.stringify(tables)) {
    const version = String(fields['version'])
    throw new PosthornError(
      'bad_export',
      `The export was made by Posthorn ${version}, and this version reads another form`,
      {
        hint: `Import it with ${version}, and upgrade then; or upgrade the source first, and export again`,
      },
    )
  }
  const { id, version, madeAt, keys } = fields as unknown as ExportHeader
  return { id, version, madeAt, keys }
}

async function next(lines: AsyncGenerator<Buffer, void>, chunk: number): Promise<Buffer> {
  const { value } = await lines.next()
  if (value === undefined) throw damaged(`it was cut off in chunk ${chunk}`)
  return value
}

function fieldsOf(line: Buffer, chunk: number): Record<string, unknown> {
  try {
    const fields = JSON.parse(line.toString()) as unknown
    if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw damaged(`chunk ${chunk} is no chunk`)
}

function rowOf(line: Buffer, table: MovedTable, chunk: number): MovedRow {
  const cells = fieldsOf(line, chunk)
  if (!Array.isArray(cells) || cells.length !== table.columns.length)
    throw damaged(`chunk ${chunk} has no row of ${table.name}`)
  return table.columns.map(({ name, kind }, i) => {
    const cell = cells[i] as unknown
    if (cell === null) return null
    if (!CHECKS[kind](cell)) throw damaged(`chunk ${chunk} has no ${kind} for ${table.name}.${name}`)
    return kind === 'bytes' || kind === 'sealed' ? Buffer.from(cell as string, 'base64') : (cell as Cell)
  })
}

const isText = (cell: unknown) => typeof cell === 'string'

const CHECKS: { readonly [K in CellKind]: (cell: unknown) => boolean } = {
  text: isText,
  integer: Number.isSafeInteger,
  truth: (cell) => typeof cell === 'boolean',
  json: isText,
  texts: (cell) => Array.isArray(cell) && cell.every(isText),
  bytes: isText,
  sealed: isText,
}

function toJson(cell: Cell): unknown {
  return cell instanceof Uint8Array
    ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('base64')
    : cell
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

function checksumOf(before: string, texts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256').update(before)
  for (const text of texts) hash.update(text)
  return hash.digest('hex')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Yields lines with their ends; what has no end at the end of the file is none. */
async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  let parts: Buffer[] = []
  let length = 0
  for await (const given of bytes) {
    let rest = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE)) {
      const end = rest.subarray(0, at + 1)
      yield parts.length === 0 ? end : Buffer.concat([...parts, end])
      parts = []
      length = 0
      rest = rest.subarray(at + 1)
    }
    if (rest.length === 0) continue
    parts.push(rest)
    length += rest.length
    if (length > MAX_LINE_BYTES) throw noExport()
  }
}

function noExport(): PosthornError {
  return new PosthornError('bad_export', 'This is no export of Posthorn', {
    hint: 'Give the file that "posthorn export" wrote; what was compressed is to be unpacked on the way',
  })
}

function damaged(what: string): PosthornError {
  return new PosthornError('bad_export', `The export is damaged: ${what}`, {
    hint: 'Copy it once more, or export again. An import that was begun goes on with the whole of the same export',
  })
}
