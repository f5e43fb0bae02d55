/** An application: one customer of the provider, and the border that no data crosses. @module */

/** Free text pairs that a provider attaches to its things. */
export type Metadata = Readonly<Record<string, string>>

/** One customer of the provider. All instants are epoch milliseconds, here and in every entity. */
export interface Application {
  readonly id: string
  readonly organisationId: string
  /** The provider's own name for it, unique in the organisation; free again once the application is deleted. */
  readonly uid: string | null
  readonly name: string
  /** Messages a second over all its endpoints; `null` for no limit. */
  readonly throttleRate: number | null
  /** Waits before each retry, in milliseconds; `null` for those of the server. */
  readonly retryScheduleMs: readonly number[] | null
  readonly metadata: Metadata
  readonly createdAt: number
  readonly updatedAt: number
}

/** What is to change in a thing: a field that is absent or `undefined` stays as it is. */
export type Changes<Thing, Field extends keyof Thing> = { readonly [K in Field]?: Thing[K] | undefined }

/** What the deliveries of an application are held to. */
export interface ApplicationPolicy {
  readonly organisationId: string
  /** As in the application: operational events name it. */
  readonly uid: string | null
  /** Messages a second; `null` for no limit. */
  readonly throttleRate: number | null
  readonly retryScheduleMs: readonly number[] | null
  /** The schedules of the organisation's event types that have one of their own, by name. */
  readonly eventTypeSchedulesMs: Readonly<Record<string, readonly number[]>>
}

/** What may change in an application after it was made. */
export type ApplicationChanges = Changes<
  Application,
  'uid' | 'name' | 'throttleRate' | 'retryScheduleMs' | 'metadata'
>
