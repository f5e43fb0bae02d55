/**
 * What of a database is moved to another one, and the two ends of such a move. Each adapter is one of either.
 *
 * Left out is what the target makes anew: leases (what a node held is pending), nodes, the list of encryption keys, and the
 * tables that follow from messages (`message_label`, and `message_event` on PostgreSQL).
 *
 * @module
 */

/**
 * What a cell holds: `json` is a JSON text that stays as it is, character by character; `texts` a list; `sealed` are bytes
 * that an encryption key has sealed.
 */
export type CellKind = 'text' | 'integer' | 'truth' | 'json' | 'texts' | 'bytes' | 'sealed'

/** A cell as it is moved. */
export type Cell = string | number | boolean | readonly string[] | Uint8Array | null

/** The cells of a row, in the order of its table's columns. */
export type MovedRow = readonly Cell[]

/** A table that is moved. */
export interface MovedTable {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly kind: CellKind }[]
}

/** All that is moved: settings first, then messages, then what became of them. */
export const MOVED_TABLES: readonly MovedTable[] = [
  table('organisation', { id: 'text', created_at: 'integer' }),
  table('token', {
    id: 'text',
    organisation_id: 'text',
    scope: 'text',
    application_id: 'text',
    name: 'text',
    prefix: 'text',
    hash: 'text',
    is_read_only: 'truth',
    capabilities: 'json',
    session_id: 'text',
    created_at: 'integer',
    expires_at: 'integer',
    last_used_at: 'integer',
    revoked_at: 'integer',
  }),
  table('login_key', { hash: 'text', token_id: 'text', expires_at: 'integer' }),
  table('application', {
    id: 'text',
    organisation_id: 'text',
    uid: 'text',
    name: 'text',
    throttle_rate: 'integer',
    retry_schedule: 'json',
    metadata: 'json',
    created_at: 'integer',
    updated_at: 'integer',
    deleted_at: 'integer',
  }),
  table('endpoint', {
    application_id: 'text',
    id: 'text',
    uid: 'text',
    url: 'text',
    description: 'text',
    disabled: 'truth',
    disabled_reason: 'text',
    failing_since: 'integer',
    event_types: 'json',
    channels: 'json',
    secret: 'sealed',
    old_secrets: 'sealed',
    headers: 'sealed',
    auth: 'sealed',
    throttle_rate: 'integer',
    settings: 'json',
    metadata: 'json',
    created_at: 'integer',
    updated_at: 'integer',
    deleted_at: 'integer',
  }),
  table('endpoint_history', {
    application_id: 'text',
    endpoint_id: 'text',
    changed_at: 'integer',
    disabled: 'truth',
    disabled_reason: 'text',
    event_types: 'json',
    channels: 'json',
  }),
  table('endpoint_line', { application_id: 'text', endpoint_id: 'text', last: 'integer' }),
  table('event_type', {
    organisation_id: 'text',
    name: 'text',
    description: 'text',
    archived: 'truth',
    deprecated: 'truth',
    schemas: 'json',
    feature_flags: 'json',
    group_name: 'text',
    retry_schedule: 'json',
    created_at: 'integer',
    updated_at: 'integer',
  }),
  table('signing_key', { id: 'text', private_key: 'sealed', created_at: 'integer', expires_at: 'integer' }),
  table('task', {
    id: 'text',
    organisation_id: 'text',
    application_id: 'text',
    status: 'text',
    kind: 'text',
    work: 'json',
    cursor: 'text',
    data: 'json',
    created_at: 'integer',
    updated_at: 'integer',
  }),
  table('answer', {
    key: 'text',
    body: 'text',
    status: 'integer',
    content: 'sealed',
    created_at: 'integer',
  }),
  table('audit', {
    id: 'text',
    organisation_id: 'text',
    application_id: 'text',
    actor: 'text',
    token_id: 'text',
    method: 'text',
    route: 'text',
    resources: 'json',
    status: 'integer',
    request_id: 'text',
    created_at: 'integer',
  }),
  table('message', {
    application_id: 'text',
    id: 'text',
    event_type: 'text',
    event_id: 'text',
    channels: 'texts',
    tags: 'texts',
    payload: 'bytes',
    content_type: 'text',
    deliver_at: 'integer',
    created_at: 'integer',
    expires_at: 'integer',
    expunged_at: 'integer',
  }),
  table('message_key', {
    application_id: 'text',
    key: 'text',
    epoch: 'integer',
    body: 'text',
    message_id: 'text',
  }),
  table('delivery', {
    application_id: 'text',
    message_id: 'text',
    endpoint_id: 'text',
    event_type: 'text',
    status: 'integer',
    attempts: 'integer',
    priority: 'integer',
    due_at: 'integer',
    ordinal: 'integer',
    resumes_as: 'integer',
    resumes_at: 'integer',
    replay_task: 'text',
    replayed_status: 'integer',
    replayed_attempts: 'integer',
  }),
  table('attempt', {
    application_id: 'text',
    message_id: 'text',
    id: 'text',
    endpoint_id: 'text',
    url: 'text',
    is_success: 'truth',
    status_code: 'integer',
    response: 'text',
    duration_ms: 'integer',
    failure: 'text',
    trigger: 'text',
    created_at: 'integer',
  }),
]

/** A database as it was at one instant, to be moved. Nothing of it is changed. */
export interface MoveSource {
  /** A server runs on it: what it accepts from now on is not seen. */
  readonly isServed: boolean
  /** What it has that no other database could take, as a sentence with its remedy; `null` where there is nothing. */
  readonly unmovable: { readonly message: string; readonly hint: string } | null
  /** Ids of the keys that sealed values may have been sealed with. */
  readonly keyIds: readonly string[]
  /**
   * Yields all rows of a table, some at a time: a few MiB, or a few hundred large rows. Messages come about as they were
   * made, the oldest first; all else in any order.
   */
  readRows(table: MovedTable): AsyncIterable<readonly MovedRow[]>
  close(): Promise<void>
}

/** How far an import has come. */
export interface ImportPosition {
  /** Number of the last chunk that is on disk; 0 for none. */
  readonly chunk: number
  /** Checksum of everything up to and with it, as the export has it. */
  readonly checksum: string
  readonly isFinished: boolean
}

/** Some rows of a table, with what tells their place. */
export interface ImportChunk extends Pick<ImportPosition, 'chunk' | 'checksum'> {
  readonly table: MovedTable
  readonly rows: readonly MovedRow[]
}

/** An empty database, or one whose import goes on. No server starts on it before the import is finished. */
export interface MoveTarget {
  /**
   * Begins to import an export, or tells how far its import has come.
   *
   * @throws {PosthornError} `conflict`: there is something in it, or another export was begun.
   */
  begin(exportId: string, checksum: string): Promise<ImportPosition>
  /**
   * Writes a chunk and notes the position, both or neither.
   *
   * @returns How many texts had a character in them that this database cannot hold, and has replaced by U+FFFD.
   * @throws {PosthornError} `conflict`: it is not the next one; another process imports too. `bad_key`: a sealed value does
   *   not open.
   */
  write(chunk: ImportChunk): Promise<number>
  countRows(table: MovedTable): Promise<number>
  /** Notes that everything is there: servers may start. */
  finish(): Promise<void>
  close(): Promise<void>
}

function table(name: string, columns: Readonly<Record<string, CellKind>>): MovedTable {
  return { name, columns: Object.entries(columns).map(([column, kind]) => ({ name: column, kind })) }
}

/** Returns the place of a column in a row. */
export function placeOf({ name, columns }: MovedTable, column: string): number {
  const place = columns.findIndex((each) => each.name === column)
  if (place < 0) throw new RangeError(`${name} has no ${column}`)
  return place
}

/** Returns about how many bytes a row has. */
export function sizeOfRow(row: MovedRow): number {
  return row.reduce<number>((size, cell) => {
    if (typeof cell === 'string') return size + cell.length
    return size + (cell instanceof Uint8Array ? cell.byteLength : 8)
  }, 0)
}

/** Where more than this many bytes are read, they are passed on. */
export const CHUNK_BYTES = 4 * 1_048_576

/** Rows of a chunk, at most. */
export const CHUNK_ROWS = 1_000
