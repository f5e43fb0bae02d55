/** The routes that tell why a message went where it went, and where one would go. @module */

import { type Static, Type } from 'typebox'

import { wantsMessage } from '../../domain/endpoint.ts'
import { type OpenBreaker, type Situation, explain, whyUnwanted } from '../../domain/explanation.ts'
import type { Attempt } from '../../domain/attempt.ts'
import type { Message } from '../../domain/message.ts'
import type { PageRequest } from '../../storage/port/page.ts'
import type { Api } from '../api.ts'
import { showLastAttempt } from '../attempt/last-attempt.ts'
import { requireApplication } from '../authentication.ts'
import { STATUS_NUMBERS } from '../delivery-status.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { Channel, EventTypeName, Maybe, described, showInstant } from '../schemas.ts'
import { ExplanationOut, MessagePreviewOut } from './explanation-schemas.ts'
import { newMessage } from './new-message.ts'
import { requireMessage } from './routes.ts'
import { MessageIn } from './schemas.ts'

const AppPath = Type.Object({ app_id: Type.String() })
const Path = Type.Object({ app_id: Type.String(), msg_id: Type.String() })

/** What is asked before a message is made. */
const MessagePrecheckIn = Type.Object(
  {
    eventType: described(EventTypeName, 'That of the message.'),
    channels: described(Maybe(Type.Array(Channel, { minItems: 1, maxItems: 5 })), 'Those of the message.'),
  },
  { $id: 'MessagePrecheckIn' },
)

/** Whether any endpoint would get it. */
const MessagePrecheckOut = Type.Object(
  { active: Type.Boolean({ description: 'Whether any endpoint would get it.' }) },
  { $id: 'MessagePrecheckOut' },
)

const tags = ['Message']

/** Endpoints read at a time. */
const PAGE = 250

/** Adds the routes of explanations and previews. */
export function explanationRoutes(api: Api, deps: HttpDeps): void {
  const { store, clock } = deps

  api.get(
    '/app/:app_id/msg/:msg_id/explain',
    {
      schema: {
        operationId: 'v1.message.explain',
        summary: 'Tell of each endpoint why it did or did not get a message',
        tags,
        params: Path,
        querystring: PageQuery,
        response: { 200: ListOf(ExplanationOut) },
      },
    },
    async ({ principal, params, query }) => {
      const message = await requireMessage(deps, principal, params)
      const page = await pageOf(
        query,
        'ascending',
        (request) => store.listSituations(message, request),
        ({ endpoint }) => endpoint.id,
      )
      const now = clock()
      const breakers = new Map<string, OpenBreaker>()
      for (const { endpoint, delivery } of page.data) {
        const until = delivery === null ? null : deps.breakerOf(endpoint.id)
        if (until === null) continue
        const lastAttempt = await lastAttemptAt(message.applicationId, endpoint.id)
        breakers.set(endpoint.id, { until, lastAttempt })
      }
      return showPage(page, (situation) =>
        showExplanation(message, situation, now, breakers.get(situation.endpoint.id) ?? null),
      )
    },
  )

  api.post(
    '/app/:app_id/msg/preview',
    {
      schema: {
        operationId: 'v1.message.preview',
        summary: 'Tell what a message would send to whom, without sending it',
        tags,
        params: AppPath,
        body: MessageIn,
        response: { 200: MessagePreviewOut },
      },
    },
    async ({ principal, params, body, rawBody }): Promise<Static<typeof MessagePreviewOut>> => {
      if (deps.checkEvent !== null) await deps.checkEvent(principal.organisationId, body)
      const { id: applicationId } = await requireApplication(deps, principal, params.app_id)
      const message = newMessage(body, rawBody!, applicationId, clock())
      const requests = await deps.preview(message)
      const sent: Static<typeof MessagePreviewOut>['sent'] = []
      const notSent: Static<typeof MessagePreviewOut>['notSent'] = []
      for await (const { endpoint, wanted } of situationsOf(message)) {
        const { id: endpointId, uid: endpointUid } = endpoint
        const refusal = whyUnwanted(message, wanted)
        const request = requests.get(endpointId)
        if (refusal !== null) notSent.push({ endpointId, endpointUid, url: endpoint.url, ...refusal })
        else if (request !== undefined) sent.push({ endpointId, endpointUid, ...request })
      }
      return { messageId: message.id, timestamp: showInstant(message.createdAt), sent, notSent }
    },
  )

  api.post(
    '/app/:app_id/msg/precheck/active',
    {
      schema: {
        operationId: 'v1.message.precheck',
        summary: 'Tell whether any endpoint would get a message',
        tags,
        params: AppPath,
        body: MessagePrecheckIn,
        response: { 200: MessagePrecheckOut },
      },
    },
    async ({ principal, params, body }) => {
      const { id } = await requireApplication(deps, principal, params.app_id)
      const message = { eventType: body.eventType, channels: body.channels ?? null }
      const endpoints = await deps.endpointsOf(id)
      return { active: endpoints.some((endpoint) => wantsMessage(endpoint, message)) }
    },
  )

  async function lastAttemptAt(applicationId: string, endpointId: string): Promise<Attempt | null> {
    const newest: PageRequest = { limit: 1, order: 'descending', after: null }
    return (await store.listAttemptsOfEndpoint(applicationId, endpointId, newest, {}))[0] ?? null
  }

  /** What each endpoint of the application is now: as a message that is accepted now would find it. */
  async function* situationsOf(message: Message): AsyncGenerator<Situation> {
    let after: string | null = null
    for (;;) {
      const page: Situation[] = await store.listSituations(message, {
        limit: PAGE,
        order: 'ascending',
        after,
      })
      yield* page
      if (page.length < PAGE) return
      after = page.at(-1)!.endpoint.id
    }
  }
}

function showExplanation(
  message: Message,
  situation: Situation,
  now: number,
  breaker: OpenBreaker | null,
): Static<typeof ExplanationOut> {
  const { endpoint, delivery, lastAttempt, ahead } = situation
  const explanation = explain(message, situation, now, breaker)
  const isToCome = delivery?.status === 'pending' && delivery.nextAttemptAt !== null
  const nextAt = isToCome ? delivery.nextAttemptAt : null
  const isLeftAlone = explanation.reason === 'breaker_open' && breaker !== null
  const nextAttemptAt = isLeftAlone ? Math.max(nextAt ?? 0, breaker.until) : nextAt
  return {
    endpointId: endpoint.id,
    endpointUid: endpoint.uid,
    url: endpoint.url,
    ...explanation,
    status: delivery === null ? null : STATUS_NUMBERS[delivery.status],
    statusText: delivery?.status ?? null,
    attempts: delivery?.attempts ?? 0,
    nextAttempt: nextAttemptAt === null ? null : showInstant(nextAttemptAt),
    waitsForMessageId: ahead?.delivery.messageId ?? null,
    lastAttempt: showLastAttempt(lastAttempt),
  }
}
