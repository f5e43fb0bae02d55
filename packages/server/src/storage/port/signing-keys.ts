/** The store's port: the server's own signing keys. @module */

import type { SigningKey } from '../../domain/signing-key.ts'

/** The server's signing keys. */
export interface SigningKeyStore {
  /** Lists the server's signing keys: the one that was not replaced first, then by age, the newest first. */
  listSigningKeys(): Promise<SigningKey[]>
  /** Makes the server's first signing key; `false` where there is one. */
  createSigningKey(key: SigningKey): Promise<boolean>
  /**
   * Replaces the signing key; the one before goes on signing for `graceMs`. Those that have expired are removed.
   *
   * @throws {PosthornError} `limit_reached`: as many keys sign already as may.
   */
  rotateSigningKey(key: SigningKey, graceMs: number, now: number): Promise<void>
}
