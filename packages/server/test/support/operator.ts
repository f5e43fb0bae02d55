/** Who is told of operational events: a receiver that verifies them, registered with a server. @module */

import { Webhook } from 'standardwebhooks'

import type { Api } from './api.ts'
import { type Answerer, type Receiver, startReceiver } from './receiver.ts'

/** An event as it arrived. */
export interface ArrivedEvent {
  /** The message's, the same on every attempt. */
  readonly id: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** An operational endpoint and the receiver behind it. */
export interface Operator {
  readonly endpointId: string
  readonly receiver: Receiver
  /** The verified events so far, each once however often it came. @throws {Error} One is not signed rightly. */
  readonly events: () => ArrivedEvent[]
}

/** Starts a receiver for operational events and registers it. */
export async function startOperator(
  api: Api,
  options: { readonly eventTypes?: readonly string[]; readonly answer?: Answerer } = {},
): Promise<Operator> {
  const { eventTypes, ...rest } = options
  const receiver = await startReceiver(rest)
  const fields = eventTypes === undefined ? {} : { eventTypes }
  const { id } = await api.ask('POST', '/operational-webhook/endpoint', { url: receiver.url, ...fields })
  const { key } = await api.ask<{ key: string }>('GET', `/operational-webhook/endpoint/${id}/secret`)
  const webhook = new Webhook(key)
  return {
    endpointId: id,
    receiver,
    events() {
      const events = new Map<string, ArrivedEvent>()
      for (const { id: messageId, body, headers } of receiver.requests) {
        const verified = webhook.verify(body, headers) as Omit<ArrivedEvent, 'id'>
        events.set(messageId, { id: messageId, ...verified })
      }
      return [...events.values()]
    },
  }
}
