/** The server's signing keys, in memory. @module */

import { type PublicSigningKey, type SigningKey, publicHalf } from '../domain/signing-key.ts'
import type { Store } from '../storage/store.ts'

/** Knows the server's keys, and forgets them when any may have changed. */
export class SigningKeys {
  readonly #store: Pick<Store, 'listSigningKeys'>
  #known: Promise<readonly SigningKey[]> | null = null

  /**
   * Made before the routing table, it forgets before it: when a new key is shown, no signer is left that lacks it.
   */
  constructor(store: Pick<Store, 'listSigningKeys' | 'onChange'>) {
    this.#store = store
    store.onChange((applicationId) => {
      if (applicationId === null) this.#known = null
    })
  }

  /** Lists the keys, the newest first; also some that have expired. */
  list(): Promise<readonly SigningKey[]> {
    if (this.#known !== null) return this.#known
    const loading = this.#store.listSigningKeys()
    this.#known = loading
    loading.catch(() => {
      if (this.#known === loading) this.#known = null
    })
    return loading
  }

  /** Lists the public halves of the keys that sign at `now`. */
  async listPublic(now: number): Promise<PublicSigningKey[]> {
    const keys = await this.list()
    return keys.filter(({ expiresAt }) => expiresAt === null || expiresAt > now).map(publicHalf)
  }
}
