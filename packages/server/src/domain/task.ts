/** A background task: work that is too long for one request, done in small steps. @module */

import type { DeliveryStatus } from './delivery.ts'

/**
 * Where a task stands.
 *
 *     create ──▶ running ──all steps done──────────────▶ finished
 *                   └──endpoint gone, canceled, fault──▶ failed
 */
export type TaskStatus = 'running' | 'finished' | 'failed'

/** The stretch of time whose messages a task is about: from `since` up to and without `until`, epoch ms. */
export interface TaskSpan {
  readonly since: number
  readonly until: number
}

/** What a task that sends messages again does. Names are those of the API, save `application.recover`, which it does not have. */
export type ReplayWork = (
  | /** Takes up the deliveries to an endpoint that failed. */
    { readonly kind: 'endpoint.recover'; readonly endpointId: string }
    /** Sends the messages that the endpoint wants and never got. */
  | { readonly kind: 'endpoint.replay'; readonly endpointId: string }
  /** Sends again what is over, succeeded or failed, as far as it passes the filter. */
  | {
      readonly kind: 'endpoint.bulk-replay'
      readonly endpointId: string
      readonly filter: ReplayFilter
    }
  /** Takes up the deliveries to all endpoints of the application that failed; of these event types, `null` for all. */
  | { readonly kind: 'application.recover'; readonly eventTypes: readonly string[] | null }
) &
  TaskSpan & {
    /** Deliveries a second that it makes due, at most; `null` or absent for no limit. */
    readonly ratePerSecond?: number | null
  }

/** Which deliveries a bulk replay is about; `null` lets all through. */
export interface ReplayFilter {
  readonly eventTypes: readonly string[] | null
  readonly channel: string | null
  readonly tag: string | null
  readonly status: DeliveryStatus | null
  /** Hundreds of the status of some attempt: 200 for 2xx; 0 for no answer. */
  readonly statusCodeClass: number | null
}

/** What a task that only counts does. It leaves nothing behind but its result, so a restart begins it anew. */
export type CountWork =
  /** Counts the deliveries of applications; `null` for all. */
  | ({ readonly kind: 'application.stats'; readonly applicationIds: readonly string[] | null } & TaskSpan)
  /** Lists the event types that endpoints ask for by name, by application. */
  | { readonly kind: 'event-type.aggregate' }

/**
 * Expunges the payloads of one application's messages. The organisation's own, and so `applicationId` of the task is `null`:
 * a token of the application does not see it, and cannot cancel it.
 */
export type PurgeWork = {
  readonly kind: 'application.purge_content'
  readonly applicationId: string
} & TaskSpan

/** What a task does. */
export type TaskWork = ReplayWork | PurgeWork | CountWork
/** Which kind of work a task does. */
export type TaskKind = TaskWork['kind']

/** Every kind of task. */
export const TASK_KINDS = [
  'endpoint.recover',
  'endpoint.replay',
  'endpoint.bulk-replay',
  'application.recover',
  'application.purge_content',
  'application.stats',
  'event-type.aggregate',
] as const satisfies readonly TaskKind[]

/** Work that was asked for, and how far it has come. */
export interface Task {
  readonly id: string
  readonly organisationId: string
  /** The one application that it touches; `null` where it is about the organisation. */
  readonly applicationId: string | null
  readonly status: TaskStatus
  readonly work: TaskWork
  /** Its result so far; `error` where it failed. */
  readonly data: Readonly<Record<string, unknown>>
  readonly createdAt: number
  readonly updatedAt: number
}

/** What a task that sends messages again tells of itself while it runs, and when it is over. */
export interface ReplayProgress {
  /** Messages, or deliveries, that it has looked at. */
  readonly messagesSeen: number
  /** Deliveries that it has made due. */
  readonly messagesSent: number
  /** An estimate from 0 to 1: how much of its stretch of time it has gone through. */
  readonly progress: number
}

/** Returns the progress that a task's data tells of: none before its first step. */
export function replayProgress({ data }: Pick<Task, 'data'>): ReplayProgress {
  const numberOf = (name: keyof ReplayProgress) => (data[name] as number | undefined) ?? 0
  return {
    messagesSeen: numberOf('messagesSeen'),
    messagesSent: numberOf('messagesSent'),
    progress: numberOf('progress'),
  }
}

/**
 * Returns where a task that sends messages again stands after one more step.
 *
 * @param step.lastAt - When the last message that it looked at was made; `null` where none is left.
 */
export function afterReplayStep(
  task: Task,
  work: ReplayWork,
  { seen, sent, lastAt }: { readonly seen: number; readonly sent: number; readonly lastAt: number | null },
): Pick<Task, 'status' | 'data'> {
  const before = replayProgress(task)
  const progress: ReplayProgress = {
    messagesSeen: before.messagesSeen + seen,
    messagesSent: before.messagesSent + sent,
    progress: lastAt === null ? 1 : shareOf(work, lastAt),
  }
  return { status: lastAt === null ? 'finished' : 'running', data: { ...progress } }
}

/** Returns how much of a stretch of time lies before an instant, from 0 to 1, in hundredths. */
function shareOf({ since, until }: TaskSpan, at: number): number {
  return Math.floor(100 * Math.min(1, Math.max(0, (at - since) / (until - since)))) / 100
}

/** Tells whether a task sends messages again. */
export function isReplay(work: TaskWork): work is ReplayWork {
  return !isPurge(work) && work.kind !== 'application.stats' && work.kind !== 'event-type.aggregate'
}

/** Tells whether a task expunges payloads. */
export function isPurge(work: TaskWork): work is PurgeWork {
  return work.kind === 'application.purge_content'
}

/**
 * Returns the data of a task that expunges payloads, after one more step.
 *
 * @param purged - Payloads that the step expunged.
 * @param lastAt - When the last message that it looked at was made; `null` where none is left.
 */
export function purgeProgress(
  { data, work }: { readonly data: Task['data']; readonly work: PurgeWork },
  purged: number,
  lastAt: number | null,
): Task['data'] {
  return {
    ...data,
    messagesPurged: ((data['messagesPurged'] as number | undefined) ?? 0) + purged,
    progress: lastAt === null ? 1 : shareOf(work, lastAt),
  }
}
