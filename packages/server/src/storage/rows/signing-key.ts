/** Rows of `signing_key`, as they are read. @module */

import type { SigningKey } from '../../domain/signing-key.ts'
import type { Opener } from '../secret-box.ts'
import type { Row } from './cells.ts'

/** Reads a row of `signing_key`. */
export function signingKeyOf(row: Row, box: Opener): SigningKey {
  return {
    id: row['id'] as string,
    privateKey: box.open(row['private_key'] as Uint8Array),
    createdAt: row['created_at'] as number,
    expiresAt: row['expires_at'] as number | null,
  }
}
