/** How the conformance suite is given a store. @module */

import type { Store } from '../../src/storage/store.ts'

/** A store that was started on an empty database of its own. */
export interface OpenedStore {
  readonly store: Store
  /** Stops the store and returns another one, started on the same data. */
  readonly reopen: () => Promise<Store>
  /** Stops the store that is open, if any, and removes the data. */
  readonly close: () => Promise<void>
}
