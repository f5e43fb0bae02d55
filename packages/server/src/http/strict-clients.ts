/** Answers old official clients that fail at a field which they do not know. @module */

import type { FastifyRequest } from 'fastify'

import type { Api } from './api.ts'

/** The Go client up to 1.55 was generated to refuse unknown fields, those that the vendor added later too. */
const STRICT = /^svix-libs\/1\.(\d+)\.\d+\/go$/
const LAST_STRICT = 55

/** The task that it knows. */
const TASK = ['id', 'status', 'task']

/** Fields that the client knows, of those forms that have more. Source: the models of version 1.44.0. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  AggregateEventTypesOut: TASK,
  AppUsageStatsOut: [...TASK, 'unresolvedAppIds'],
  ApplicationOut: ['createdAt', 'id', 'metadata', 'name', 'rateLimit', 'uid', 'updatedAt'],
  BackgroundTaskOut: [...TASK, 'data'],
  EndpointMessageOut: words('channels eventId eventType id nextAttempt payload status tags timestamp'),
  EndpointOut: words(
    'channels createdAt description disabled filterTypes id metadata rateLimit uid updatedAt url version',
  ),
  EndpointStats: words('fail pending sending success'),
  EventTypeOut: words(
    'archived createdAt deprecated description featureFlag groupName name schemas updatedAt',
  ),
  MessageAttemptOut: words(
    'endpointId id msg msgId response responseDurationMs responseStatusCode status timestamp triggerType url',
  ),
  MessageEndpointOut: words(
    'channels createdAt description disabled filterTypes id nextAttempt rateLimit status uid updatedAt url version',
  ),
  MessageOut: words('channels eventId eventType id payload tags timestamp'),
  OperationalWebhookEndpointOut: words(
    'createdAt description disabled filterTypes id metadata rateLimit uid updatedAt url',
  ),
  RecoverOut: TASK,
  ReplayOut: TASK,
}

/** Leaves out of answers to such clients what they do not know. Everyone else's cost a look at a header. */
export function sparingStrictClients(api: Api): void {
  api.addHook('onSend', (request, reply, payload, done) => {
    const isMeant = typeof payload === 'string' && reply.statusCode < 300 && isStrict(request)
    const form = isMeant ? formOf(request, reply.statusCode) : undefined
    if (form === undefined) return done()
    return done(null, JSON.stringify(only(form, JSON.parse(payload as string) as Fields)))
  })
}

function isStrict({ headers }: FastifyRequest): boolean {
  const minor = STRICT.exec(headers['user-agent'] ?? '')?.[1]
  return minor !== undefined && Number(minor) <= LAST_STRICT
}

/** Name of the form that the route answers with. */
function formOf({ routeOptions }: FastifyRequest, status: number): string | undefined {
  const { response } = (routeOptions.schema ?? {}) as {
    response?: Readonly<Record<string, { $id?: string }>>
  }
  return response?.[status]?.$id
}

type Fields = Readonly<Record<string, unknown>>

function only(form: string, fields: Fields): Fields {
  const item = /^ListResponse_(\w+)_$/.exec(form)?.[1]
  if (item !== undefined)
    return { ...fields, data: (fields['data'] as Fields[]).map((each) => only(item, each)) }
  const known = KNOWN[form]
  const entries = Object.entries(fields).filter(([name]) => known?.includes(name) ?? true)
  const kept = Object.fromEntries(entries)
  return form === 'MessageAttemptOut' && 'msg' in kept && kept['msg'] !== null
    ? { ...kept, msg: only('MessageOut', kept['msg'] as Fields) }
    : kept
}

function words(text: string): string[] {
  return text.split(' ')
}
