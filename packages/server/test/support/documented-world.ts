/** A server with one of each thing that the API's description names, so that every operation can be called. @module */

import type { OpenApiDocument, Operation } from '../../src/http/openapi/document.ts'
import { eventually } from './eventually.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { type TestServer, startServer } from './server.ts'

/** One operation of the description. */
export interface DocumentedOperation {
  readonly method: string
  /** With its parameters as `{name}`. */
  readonly path: string
  readonly operation: Operation
}

/** The server, and what is in it. */
export interface DocumentedWorld {
  readonly server: TestServer
  readonly receiver: Receiver
  readonly document: OpenApiDocument
  readonly operations: readonly DocumentedOperation[]
  /** A value for each parameter of a path, by its name; and the key of a portal link. */
  readonly values: Readonly<Record<string, string>>
  /** Returns a path with its parameters filled in, below `/api/v1`. @throws {Error} Nothing here has that name. */
  readonly fill: (path: string) => string
}

/** Starts the server and fills it. The end of the test stops it. */
export async function startDocumentedWorld(): Promise<DocumentedWorld> {
  const server = await startServer()
  const { api } = server
  const receiver = await startReceiver()
  await api.makeApplication({ uid: 'acme' })
  await api.makeEndpoint('acme', receiver.url, { uid: 'main' })
  await api.ask('POST', '/event-type', { name: 'invoice.paid', description: 'Paid' })
  await api.ask('POST', '/operational-webhook/endpoint', { url: receiver.url, uid: 'main' })
  const fields = { eventType: 'invoice.paid', eventId: 'invoice-1001' }
  const messageId = await api.send('acme', fields)
  const attempts = await eventually(
    () => api.attemptsOf('acme', messageId),
    (seen) => {
      if (seen.length === 0) throw new Error('No attempt yet')
    },
  )
  const since = new Date(Date.now() - 60_000).toISOString()
  const task = await api.ask('POST', '/app/acme/endpoint/main/recover', { since })
  const { url } = await api.ask<{ url: string }>('POST', '/auth/app-portal-access/acme', {})
  const token = await api.ask('POST', '/auth/api-token', { name: 'spare' })
  const values: Record<string, string> = {
    app_id: 'acme',
    endpoint_id: 'main',
    event_type_name: 'invoice.paid',
    msg_id: 'invoice-1001',
    attempt_id: attempts[0]!.id,
    task_id: task.id,
    token_id: token.id,
    one_time_token: url.split('#key=')[1]!,
  }
  const document = await api.ask<OpenApiDocument>('GET', '/openapi.json')
  return {
    server,
    receiver,
    document,
    operations: operationsOf(document),
    values,
    fill: (path) =>
      path.replace('/api/v1', '').replaceAll(/\{(\w+)\}/g, (_match, name: string) => {
        const value = values[name]
        if (value === undefined) throw new Error(`Nothing in this world is a ${name}`)
        return value
      }),
  }
}

/** All operations of a description, in its order. */
export function operationsOf({ paths }: OpenApiDocument): DocumentedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
}
