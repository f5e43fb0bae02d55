/** The store's port: background tasks, and the steps that they take. @module */

import type { Task, TaskKind, TaskStatus } from '../../domain/task.ts'
import type { PageRequest } from './page.ts'

/** Which tasks are wanted. */
export interface TaskFilter {
  readonly status?: TaskStatus | undefined
  /** Tasks of any of these kinds. */
  readonly kinds?: readonly TaskKind[] | undefined
}

/** How far one step of a task may go: each number is the most that is allowed. */
export interface StepLimits {
  /** Messages, or deliveries, that the step looks at. */
  readonly looks: number
  /** Deliveries that the step makes due. */
  readonly sends: number
  /** Deliveries that the task made due, in this step and before, that are due now and of which no attempt is recorded yet. */
  readonly waiting: number
}

/** Background tasks. */
export interface TaskStore {
  createTask(task: Task): Promise<void>
  findTask(organisationId: string, id: string): Promise<Task | null>
  listTasks(organisationId: string, page: PageRequest, filter: TaskFilter): Promise<Task[]>
  /** Oldest first. */
  findRunningTasks(limit: number): Promise<Task[]>
  /**
   * Takes one step of a running task that sends messages again: makes due what is to be sent, and notes how far it came,
   * all or nothing. Returns the task as it is then, unchanged where as much of it waits already as may; `null` where it
   * does not run.
   */
  stepReplay(taskId: string, limits: StepLimits, now: number): Promise<Task | null>
  /**
   * Takes one step of a running task that expunges the payloads of an application: looks at no more than `limit` messages,
   * expunges as {@link MessageStore.expungeContent} does, and notes how far it came, all or nothing. Returns the task as it is then;
   * `null` where it does not run.
   *
   * @throws {PosthornError} `busy`: the store has other things to write first.
   */
  stepPurge(taskId: string, limit: number, now: number): Promise<Task | null>
  /**
   * Ends a running task as canceled; `false` where it does not run. What it has made due, and neither an attempt was made
   * of nor a node holds, is as it was before the task.
   */
  cancelTask(id: string, now: number): Promise<boolean>
  /** Ends a running task and adds to its data; `false` where it does not run. */
  finishTask(
    id: string,
    end: { readonly status: 'finished' | 'failed'; readonly data: Task['data'] },
    now: number,
  ): Promise<boolean>
  /** Deletes up to `limit` tasks that are over and were made before the one with this id would be; returns how many. */
  deleteTasks(beforeId: string, limit: number): Promise<number>
}
