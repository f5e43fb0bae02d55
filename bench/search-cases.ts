/** The lists and searches of the API that a bench times: each as a path, and as the call of the store behind it. @module */

import type { Store } from '../packages/server/src/storage/store.ts'
import type { FilledRoute, FilledStore } from './search-store.ts'

/** The store's lists, as they run in the database's thread. */
export type Lists = {
  [
    K in
      | 'findMessage'
      | 'findAttempt'
      | 'listMessages'
      | 'listAttemptsOfMessage'
      | 'listAttemptsOfEndpoint'
      | 'listDeliveriesOfMessage'
      | 'listDeliveriesOfEndpoint'
      | 'listSituations'
  ]: (...args: Parameters<Store[K]>) => unknown
}

/** One search. */
export interface SearchCase {
  readonly name: string
  readonly path: string
  readonly call: (lists: Lists) => unknown
}

const FIRST = { limit: 51, order: 'descending', after: null } as const

/** Returns all lists and searches over a filled store. */
export function searchCases(route: FilledRoute, filled: FilledStore): SearchCase[] {
  const { applicationId: app, mainId: main, deadId: dead, lostApplicationId: lost } = route
  const before = Date.parse(filled.middle)
  const message = { applicationId: app, id: filled.messageId, createdAt: before }
  const messages = (name: string, query: string, ...[page, filter]: TailOf<'listMessages'>): SearchCase => ({
    name: `messages${name}`,
    path: `/app/${app}/msg?${query}`,
    call: (lists) => lists.listMessages(app, page, filter),
  })
  const ofEndpoint = (
    name: string,
    id: string,
    query: string,
    filter: Parameters<Store['listDeliveriesOfEndpoint']>[3],
  ): SearchCase => ({
    name: `messages of an endpoint${name}`,
    path: `/app/${app}/endpoint/${id}/msg?${query}`,
    call: (lists) => lists.listDeliveriesOfEndpoint(app, id, FIRST, filter),
  })
  const attempts = (
    name: string,
    query: string,
    filter: Parameters<Store['listAttemptsOfEndpoint']>[3],
    id = main,
  ): SearchCase => ({
    name: `attempts at an endpoint${name}`,
    path: `/app/${app}/attempt/endpoint/${id}?${query}`,
    call: (lists) => lists.listAttemptsOfEndpoint(app, id, FIRST, filter),
  })
  const middle = { ...FIRST, after: filled.middleId }

  return [
    messages('', '', FIRST, {}),
    messages(', from the middle on', `iterator=${filled.middleId}`, middle, {}),
    messages(', before an instant', `before=${filled.middle}`, FIRST, { before }),
    messages(', by event id', `event_id=${filled.eventId}`, FIRST, { eventId: filled.eventId }),
    messages(', of a common type', 'event_types=type.3', FIRST, { eventTypes: ['type.3'] }),
    messages(', of a rare type', 'event_types=rare.type', FIRST, { eventTypes: ['rare.type'] }),
    messages(', of three types', 'event_types=rare.type,type.3,type.4', FIRST, {
      eventTypes: ['rare.type', 'type.3', 'type.4'],
    }),
    messages(', with a common tag', 'tag=common-tag', FIRST, { tag: 'common-tag' }),
    messages(', with a rare tag', 'tag=rare-tag', FIRST, { tag: 'rare-tag' }),
    messages(', with a tag nobody has', 'tag=no-tag', FIRST, { tag: 'no-tag' }),
    messages(', on a channel', 'channel=channel-3', FIRST, { channel: 'channel-3' }),
    messages(', delivered', 'status=0', FIRST, { status: 'success' }),
    {
      name: 'messages, delivered, of an application where nearly all failed',
      path: `/app/${lost}/msg?status=0`,
      call: (lists) => lists.listMessages(lost, FIRST, { status: 'success' }),
    },
    messages(', pending', 'status=1', FIRST, { status: 'pending' }),
    messages(', failed', 'status=2', FIRST, { status: 'fail' }),
    messages(', being sent', 'status=3', FIRST, { status: 'sending' }),
    messages(
      ', failed, of a type, from the middle on',
      `status=2&event_types=type.7&iterator=${filled.middleId}`,
      middle,
      { status: 'fail', eventTypes: ['type.7'] },
    ),
    messages(', failed, of two types', 'status=2&event_types=type.7,type.27', FIRST, {
      status: 'fail',
      eventTypes: ['type.7', 'type.27'],
    }),
    {
      name: 'a message by event id',
      path: `/app/${app}/msg/${filled.eventId}`,
      call: (lists) => lists.findMessage(app, filled.eventId),
    },
    {
      name: 'the explanation of a message',
      path: `/app/${app}/msg/${filled.messageId}/explain`,
      call: (lists) => lists.listSituations(message, FIRST),
    },
    {
      name: 'the endpoints of a message',
      path: `/app/${app}/msg/${filled.messageId}/endpoint`,
      call: (lists) => lists.listDeliveriesOfMessage(app, filled.messageId, FIRST),
    },
    {
      name: 'the attempts of a message',
      path: `/app/${app}/attempt/msg/${filled.messageId}`,
      call: (lists) => lists.listAttemptsOfMessage(app, filled.messageId, FIRST, {}),
    },
    ofEndpoint('', main, '', {}),
    ofEndpoint(', before an instant', main, `before=${filled.middle}`, { before }),
    ofEndpoint(', delivered', main, 'status=0', { status: 'success' }),
    ofEndpoint(', pending', main, 'status=1', { status: 'pending' }),
    ofEndpoint(', failed', main, 'status=2', { status: 'fail' }),
    ofEndpoint(', canceled', main, 'status=4', { status: 'canceled' }),
    ofEndpoint(', of a common type', main, 'event_types=type.3', { eventTypes: ['type.3'] }),
    ofEndpoint(', of a rare type', main, 'event_types=rare.type', { eventTypes: ['rare.type'] }),
    ofEndpoint(', with a rare tag', main, 'tag=rare-tag', { tag: 'rare-tag' }),
    ofEndpoint(', failed, of a type', main, 'status=2&event_types=type.7', {
      status: 'fail',
      eventTypes: ['type.7'],
    }),
    ofEndpoint(' that always fails', dead, '', {}),
    ofEndpoint(' that always fails, delivered', dead, 'status=0', { status: 'success' }),
    ofEndpoint(' that always fails, of a type it never got', dead, 'event_types=type.7', {
      eventTypes: ['type.7'],
    }),
    attempts('', '', {}),
    attempts(', that succeeded', 'status=0', { isSuccess: true }),
    attempts(' that always fails, that succeeded', 'status=0', { isSuccess: true }, dead),
    attempts(', that failed', 'status=2', { isSuccess: false }),
    attempts(', answered 4xx', 'status_code_class=400', { statusCodeClass: 400 }),
    attempts(', answered 5xx', 'status_code_class=500', { statusCodeClass: 500 }),
    attempts(', not answered', 'status_code_class=0', { statusCodeClass: 0 }),
    attempts(', of a rare type', 'event_types=rare.type', { eventTypes: ['rare.type'] }),
  ]
}

type TailOf<K extends 'listMessages'> = Parameters<Store[K]> extends [string, ...infer Rest] ? Rest : never
