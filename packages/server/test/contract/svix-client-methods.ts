/** Every method of the official client: how it is called here, or why it does not apply. @module */

import { MessageStatus, Ordering, type Svix } from 'svix'
import { expect } from 'vitest'

import type { DocumentedWorld } from '../support/documented-world.ts'

/** Calls one method and returns its answer. */
export type Call = (svix: Svix, world: DocumentedWorld) => Promise<unknown>

const since = new Date(Date.now() - 600_000)
const until = new Date(Date.now() + 600_000)
const url = 'https://example.com/hook'
const headers = { 'x-region': 'eu' }

/** Calls of a resource, in an order in which each finds what it needs, and what each answers at least. */
export const CALLS: Readonly<
  Record<string, Readonly<Record<string, readonly [call: Call, answer: unknown]>>>
> = {
  application: {
    list: [(svix) => svix.application.list({ limit: 1 }), { data: [{ uid: 'acme' }], done: true }],
    create: [(svix) => svix.application.create({ name: 'New', uid: 'new' }), { uid: 'new', name: 'New' }],
    getOrCreate: [(svix) => svix.application.getOrCreate({ name: 'Other', uid: 'new' }), { name: 'New' }],
    get: [(svix) => svix.application.get('new'), { uid: 'new', metadata: {} }],
    upsert: [(svix) => svix.application.upsert('new', { name: 'Newer', uid: 'new' }), { name: 'Newer' }],
    patch: [(svix) => svix.application.patch('new', { throttleRate: 7 }), { throttleRate: 7 }],
    delete: [(svix) => svix.application.delete('new'), undefined],
  },
  authentication: {
    appPortalAccess: [
      (svix) => svix.authentication.appPortalAccess('acme', { readOnly: true }),
      { url: expect.stringContaining('/portal#key='), token: expect.any(String) },
    ],
    expireAll: [(svix) => svix.authentication.expireAll('acme', { expiry: 0 }), undefined],
    logout: [(svix) => svix.authentication.logout(), undefined],
  },
  backgroundTask: {
    list: [
      (svix) => svix.backgroundTask.list({ limit: 5, order: Ordering.Descending }),
      { data: [{ id: expect.stringMatching(/^qtask_/), task: 'endpoint.recover' }] },
    ],
    get: [
      (svix, { values }) => svix.backgroundTask.get(values['task_id']!),
      { task: 'endpoint.recover', status: expect.stringMatching(/^(running|finished)$/), data: {} },
    ],
  },
  endpoint: {
    list: [(svix) => svix.endpoint.list('acme', { limit: 5 }), { data: [{ uid: 'main' }], done: true }],
    create: [
      (svix) => svix.endpoint.create('acme', { url, uid: 'new' }),
      { uid: 'new', url, disabled: false },
    ],
    get: [(svix) => svix.endpoint.get('acme', 'new'), { uid: 'new', description: '', metadata: {} }],
    upsert: [(svix) => svix.endpoint.upsert('acme', 'new', { url, channels: ['eu'] }), { channels: ['eu'] }],
    patch: [(svix) => svix.endpoint.patch('acme', 'new', { description: 'New' }), { description: 'New' }],
    getSecret: [(svix) => svix.endpoint.getSecret('acme', 'new'), { key: expect.stringMatching(/^whsec_/) }],
    rotateSecret: [(svix) => svix.endpoint.rotateSecret('acme', 'new', {}), undefined],
    setHeaders: [(svix) => svix.endpoint.setHeaders('acme', 'new', { headers }), undefined],
    patchHeaders: [
      (svix) => svix.endpoint.patchHeaders('acme', 'new', { headers: { 'x-tier': '1' } }),
      undefined,
    ],
    getHeaders: [
      (svix) => svix.endpoint.getHeaders('acme', 'new'),
      { headers: { 'x-region': 'eu', 'x-tier': '1' }, sensitive: [] },
    ],
    getStats: [(svix) => svix.endpoint.getStats('acme', 'main', { since, until }), { success: 1, fail: 0 }],
    recover: [
      (svix) => svix.endpoint.recover('acme', 'main', { since }),
      { task: 'endpoint.recover', status: 'running', id: expect.any(String), updatedAt: expect.any(Date) },
    ],
    replayMissing: [
      (svix) => svix.endpoint.replayMissing('acme', 'main', { since }),
      { task: 'endpoint.replay' },
    ],
    bulkReplay: [
      (svix) => svix.endpoint.bulkReplay('acme', 'main', { since, eventTypes: ['invoice.paid'] }),
      { id: expect.any(String), status: 'running' },
    ],
    sendExample: [
      (svix) => svix.endpoint.sendExample('acme', 'main', { eventType: 'invoice.paid' }),
      { eventType: 'invoice.paid', id: expect.stringMatching(/^msg_/) },
    ],
    delete: [(svix) => svix.endpoint.delete('acme', 'new'), undefined],
  },
  eventType: {
    list: [(svix) => svix.eventType.list({ withContent: true }), { data: [{ name: 'invoice.paid' }] }],
    create: [(svix) => svix.eventType.create({ name: 'a.b', description: 'A' }), { name: 'a.b' }],
    importOpenapi: [
      (svix) =>
        svix.eventType.importOpenapi({
          dryRun: true,
          specRaw: 'openapi: 3.1.0\nwebhooks: {a.c: {post: {summary: C}}}',
        }),
      { data: { modified: [], toModify: [{ name: 'a.c', description: 'C', deprecated: false }] } },
    ],
    get: [(svix) => svix.eventType.get('a.b'), { description: 'A', archived: false }],
    upsert: [(svix) => svix.eventType.upsert('a.b', { description: 'B' }), { description: 'B' }],
    patch: [(svix) => svix.eventType.patch('a.b', { deprecated: true }), { deprecated: true }],
    delete: [(svix) => svix.eventType.delete('a.b', { expunge: true }), undefined],
  },
  health: { get: [(svix) => svix.health.get(), undefined] },
  message: {
    list: [
      (svix) => svix.message.list('acme', { withContent: true, eventTypes: ['invoice.paid'], after: since }),
      { data: [{ eventId: 'invoice-1001', timestamp: expect.any(Date) }] },
    ],
    create: [
      (svix) =>
        svix.message.create(
          'acme',
          { eventType: 'a', payload: { a: 1 }, eventId: 'second' },
          { withContent: true },
        ),
      { eventId: 'second', payload: { a: 1 } },
    ],
    precheck: [(svix) => svix.message.precheck('acme', { eventType: 'invoice.paid' }), { active: true }],
    get: [(svix) => svix.message.get('acme', 'second', { withContent: true }), { payload: { a: 1 } }],
    expungeContent: [(svix) => svix.message.expungeContent('acme', 'second'), undefined],
    bulkExpungeContent: [
      (svix) => svix.message.bulkExpungeContent('acme', { ids: ['invoice-1001', 'nothing'] }),
      { results: { 'invoice-1001': 'expunged', nothing: 'not-found' } },
    ],
    expungeAllContents: [
      (svix) => svix.message.expungeAllContents('acme'),
      { task: 'application.purge_content', status: 'running', id: expect.stringMatching(/^qtask_/) },
    ],
  },
  messageAttempt: {
    listByEndpoint: [
      (svix) => svix.messageAttempt.listByEndpoint('acme', 'main', { status: MessageStatus.Success }),
      { data: [{ statusText: 'success', responseStatusCode: 204, timestamp: expect.any(Date) }] },
    ],
    listByMsg: [
      (svix) => svix.messageAttempt.listByMsg('acme', 'invoice-1001', { withContent: true }),
      { data: [{ triggerType: 0, msgId: expect.stringMatching(/^msg_/) }] },
    ],
    listAttemptedMessages: [
      (svix) => svix.messageAttempt.listAttemptedMessages('acme', 'main', { before: until }),
      { data: [{ eventId: 'invoice-1001', status: 0, statusText: 'success' }] },
    ],
    listAttemptedDestinations: [
      (svix) => svix.messageAttempt.listAttemptedDestinations('acme', 'invoice-1001', { limit: 5 }),
      { data: [{ uid: 'main', status: 0 }], done: true },
    ],
    get: [
      (svix, { values }) => svix.messageAttempt.get('acme', 'invoice-1001', values['attempt_id']!),
      { responseStatusCode: 204, endpointId: expect.stringMatching(/^ep_/) },
    ],
    resend: [(svix) => svix.messageAttempt.resend('acme', 'invoice-1001', 'main'), {}],
    expungeContent: [
      (svix, { values }) => svix.messageAttempt.expungeContent('acme', 'invoice-1001', values['attempt_id']!),
      undefined,
    ],
  },
  'operationalWebhook.endpoint': {
    list: [(svix) => svix.operationalWebhook.endpoint.list({ limit: 5 }), { data: [{ uid: 'main' }] }],
    create: [(svix) => svix.operationalWebhook.endpoint.create({ url, uid: 'new' }), { uid: 'new', url }],
    get: [(svix) => svix.operationalWebhook.endpoint.get('new'), { uid: 'new' }],
    upsert: [
      (svix) => svix.operationalWebhook.endpoint.upsert('new', { url, description: 'N' }),
      { description: 'N' },
    ],
    getSecret: [
      (svix) => svix.operationalWebhook.endpoint.getSecret('new'),
      { key: expect.stringMatching(/^whsec_/) },
    ],
    rotateSecret: [(svix) => svix.operationalWebhook.endpoint.rotateSecret('new', {}), undefined],
    setHeaders: [(svix) => svix.operationalWebhook.endpoint.setHeaders('new', { headers }), undefined],
    getHeaders: [(svix) => svix.operationalWebhook.endpoint.getHeaders('new'), { headers }],
    delete: [(svix) => svix.operationalWebhook.endpoint.delete('new'), undefined],
  },
  statistics: {
    aggregateAppStats: [
      (svix) => svix.statistics.aggregateAppStats({ since, until, appIds: ['acme', 'nobody'] }),
      { status: 'running', unresolvedAppIds: ['nobody'] },
    ],
    aggregateEventTypes: [(svix) => svix.statistics.aggregateEventTypes(), { task: 'event-type.aggregate' }],
  },
}

/**
 * Methods that do not apply, and why; a name that ends in `*` is all that begin so. Most belong to what the hosted product
 * has beside its webhooks. The table in `docs/api.md` is held to this one.
 */
export const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  'authentication.getStreamPollerToken': 'Streams are another product of the vendor’s.',
  'authentication.rotateStreamPollerToken': 'Streams are another product of the vendor’s.',
  'authentication.stream*': 'Streams are another product of the vendor’s.',
  'autoconfigSubscription.*': 'It configures receivers through the vendor’s own service.',
  'connector.*': 'Templates of the vendor’s portal, on top of its transformations.',
  'destination.*': 'Deliveries go by HTTP.',
  'endpoint.transformation*': 'Transformations of payloads are to come.',
  'environment.*':
    'An installation is one environment. Event types go from one to another by `eventType.list` and `upsert`, or by an OpenAPI document.',
  'ingest.*': 'Receiving the webhooks of others is to come.',
  'integration.*':
    'Keys of an application with names; a token of the application is one: `POST /auth/api-token` with its `appId`.',
  'message.poller.*': 'Pulling messages is to come.',
  'streaming.*': 'Streams are another product of the vendor’s.',
}
