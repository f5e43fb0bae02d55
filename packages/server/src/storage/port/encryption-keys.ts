/** The store's port: the keys that values are sealed with, and their rotation. @module */

/**
 * A key that sealed values may have been sealed with: never the key itself, only its id. One of them `seals`; those that
 * `open` sealed before; one that is `offered` seals nothing until the server that runs has it too.
 */
export interface EncryptionKey {
  readonly id: string
  readonly state: 'offered' | 'opens' | 'seals'
}

/** The keys of sealed values, by their ids. */
export interface EncryptionKeyStore {
  /** Lists the keys that the database knows of, by id. */
  listEncryptionKeys(): Promise<EncryptionKey[]>
  /** Makes a key known, so that a server that runs takes it. */
  offerEncryptionKey(id: string): Promise<void>
  /**
   * Seals with this key from now on, in every process; what is sealed already stays as it is. `false`, and nothing is
   * changed, while a server runs that has not taken the key.
   *
   * @throws {PosthornError} `bad_key`: this process has no such key.
   */
  sealWith(id: string): Promise<boolean>
  /**
   * Seals again what another key than the present one has sealed: looks at no more than `limit` rows.
   *
   * @param after - Where the call before ended: its `next`; `null` to begin.
   * @returns `next` is `null` at the end.
   * @throws {PosthornError} `bad_key`: a value was sealed with a key that this process has not.
   */
  resealSecrets(
    after: string | null,
    limit: number,
  ): Promise<{ readonly resealed: number; readonly next: string | null }>
  /** Forgets the keys that nothing is sealed with any more; returns their ids, or `null` where something still is. */
  forgetEncryptionKeys(): Promise<string[] | null>
}
