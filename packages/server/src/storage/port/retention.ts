/** The store's port: what is removed because of its age, in small steps. @module */

/** Removal by age. */
export interface RetentionStore {
  /**
   * Expunges payloads whose time has come, at most `limit`, as {@link MessageStore.expungeContent} does; returns how many.
   *
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  expungeExpired(now: number, limit: number): Promise<number>
  /**
   * Forgets what endpoints were before an instant, where no message is left that an explanation could need it for, save
   * when each was last enabled: looks at no more than `limit` applications (and organisations), by id.
   *
   * @param request.after - Where the call before ended: its `next`; `null` to begin.
   * @returns `next` is `null` at the end.
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  trimEndpointHistory(request: {
    readonly before: number
    readonly after: string | null
    readonly limit: number
  }): Promise<{ readonly deleted: number; readonly next: string | null }>
  /**
   * Deletes messages made before an instant, with their deliveries and attempts: looks at no more than `limit`, oldest
   * first, and keeps those with a pending delivery. Of an outbox, what was refused before that instant goes last.
   *
   * @param request.after - Where the call before ended: its `next`; `null` to begin.
   * @returns `next` is `null` where no older message is left to look at.
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  deleteOldMessages(request: {
    readonly before: number
    readonly after: string | null
    readonly limit: number
  }): Promise<{ readonly deleted: number; readonly next: string | null }>
  /**
   * Removes what no longer counts, at most `limit` of each kind: idempotency keys, portal tokens and login keys that
   * have expired, audit entries made before `auditBefore`. Returns how many it removed: 0 when nothing is left.
   */
  purgeAccess(request: {
    readonly now: number
    readonly auditBefore: number
    readonly limit: number
  }): Promise<number>
}
