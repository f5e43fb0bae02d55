/** Handling webhooks: one function from a request to its answer. @module */

export type { AllowEntry } from './handle/allow-list.ts'
export type { AnswerCode, Report } from './handle/answers.ts'
export type { Begun, DedupeRun, DedupeStore, RunTimes } from './handle/dedupe-store.ts'
export type { CheckedEvent, Handler, HandlerContext, HandlerEntry, Handlers } from './handle/handlers.ts'
export type {
  HandleOptions,
  ReceiveContext,
  ReceiverOptions,
  SchemeMaker,
  SchemeOptions,
} from './handle/options.ts'
export {
  atlassianRanges,
  githubRanges,
  paddleRanges,
  publishedRanges,
  stripeRanges,
  svixRanges,
  type PublishedList,
  type PublishedRanges,
  type PublishedRangesOptions,
} from './handle/published-ranges.ts'
export type { RateLimit } from './handle/rate-limit.ts'
export { createReceiver, type InboxReceiver, type Receiver } from './handle/receiver.ts'
export {
  guardSchema,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
} from './handle/standard-schema.ts'
export type { Inbox, InboxOptions, InboxReport } from './inbox/inbox.ts'
export type { ClaimedEvent, DeadLetter, InboxEvent, InboxRun, InboxStore } from './inbox/inbox-store.ts'
