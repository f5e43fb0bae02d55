/** Keeps two rotations of the keys from running at once, on whatever machines. @module */

import { Client } from 'pg'

import { PosthornError } from '../../domain/errors.ts'
import { openingHint, urlConfig } from './tls.ts'

/**
 * Claims the change of keys until what it returns is called, or this process dies.
 *
 * @throws {PosthornError} `data_in_use`: another process changes them. `data_unreadable`: it cannot be reached.
 */
export async function claimPostgresKeys({
  url,
  schema,
}: {
  readonly url: string
  readonly schema: string
}): Promise<() => Promise<void>> {
  const client = new Client({ ...urlConfig(url), application_name: 'posthorn keys' })
  client.on('error', () => {})
  try {
    await client.connect()
    // The lock is the session's: it ends with it, however that ends.
    const { rows } = await client.query<{ is_mine: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS is_mine',
      [`posthorn key change ${schema}`],
    )
    if (rows[0]!.is_mine) return () => client.end()
  } catch (cause) {
    await client.end().catch(() => {})
    throw new PosthornError('data_unreadable', `Cannot open the database: ${(cause as Error).message}`, {
      hint: openingHint(cause),
      cause,
    })
  }
  await client.end()
  throw new PosthornError('data_in_use', 'The keys of this database are being changed already', {
    hint: 'Wait until the other "posthorn keys rotate" has ended',
  })
}
