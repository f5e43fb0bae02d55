/** Describes the API in OpenAPI 3.1, from the schemas that its routes are validated by. @module */

import type { FastifySchema } from 'fastify'
import { IsNull, type TSchema } from 'typebox'

import { Components, type JsonSchema } from './components.ts'
import { HTTPValidationError, HttpErrorOut, REFUSALS, refusalsOf } from './errors.ts'

/** A route as Fastify knows it. */
export interface DescribedRoute {
  readonly method: string
  /** With its parameters as `:name`. */
  readonly url: string
  readonly schema: FastifySchema
  readonly isPublic: boolean
  /** What it needs of its caller's token; `null` where that is not said. */
  readonly need: string | null
}

/** A request that the server makes to who wants it. */
export interface DescribedWebhook {
  readonly name: string
  /** When it is made, in a line. */
  readonly summary: string
  readonly schema: TSchema
}

/** A parameter of an operation. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly schema: JsonSchema
  readonly style?: 'form'
  readonly explode?: boolean
}

/** A body of a request or an answer. */
export interface Content {
  readonly 'application/json': { readonly schema: JsonSchema }
}

/** One method of one path. */
export interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly deprecated?: boolean
  readonly security?: readonly object[]
  /** What the operation needs of a token: `organisation`, `any`, or a capability. */
  readonly 'x-needs'?: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, Answer>>
}

/** What the server sends. */
export type Webhook = Pick<Operation, 'operationId' | 'summary' | 'tags' | 'requestBody'> & {
  readonly responses: Readonly<Record<string, Answer>>
}

/** What an operation answers with a status. */
export interface Answer {
  readonly description: string
  readonly content?: Content
}

/** The description of an API. https://spec.openapis.org/oas/v3.1.1 */
export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly license: object }
  readonly servers: readonly { readonly url: string }[]
  readonly security: readonly object[]
  readonly tags: readonly { readonly name: string }[]
  /** By path and method, in the order in which the routes were added. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  /** What the server itself sends, by name. */
  readonly webhooks: Readonly<Record<string, { readonly post: Webhook }>>
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>
    readonly securitySchemes: object
  }
}

/** A request header of every POST. */
const IDEMPOTENCY_KEY: Parameter = {
  name: 'idempotency-key',
  in: 'header',
  required: false,
  description: 'The same key with the same body is answered as the first time, and done once.',
  schema: { type: 'string' },
}

/** What the parameters of paths name: the same in every path. */
const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  app_id: 'Id or uid of the application',
  endpoint_id: 'Id or uid of the endpoint',
  event_type_name: 'Name of the event type',
  msg_id: 'Id or event id of the message',
  attempt_id: 'Id of the attempt',
  task_id: 'Id of the task',
  token_id: 'Id of the token',
}

/** Groups that come first, in this order. The others follow as their routes were added. */
const FIRST_TAGS = ['Application', 'Endpoint', 'Event Type', 'Message', 'Message Attempt']

const WEBHOOKS_TAG = 'Webhooks'

/** What the statuses of success mean. */
const SUCCESSES: Readonly<Record<string, string>> = {
  200: 'Done',
  201: 'Created',
  202: 'Accepted',
  204: 'Done; there is nothing to say',
}

/** Returns the description of the routes, and of what the server itself sends. */
export function describeApi(
  routes: readonly DescribedRoute[],
  version: string,
  webhooks: readonly DescribedWebhook[] = [],
): OpenApiDocument {
  const components = new Components()
  const refusals = { plain: components.refer(HttpErrorOut), list: components.refer(HTTPValidationError) }
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, components, refusals) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Posthorn API',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ HTTPBearer: [] }],
    tags: tagsOf(routes).map((name) => ({ name })),
    paths,
    webhooks: Object.fromEntries(webhooks.map((each) => [each.name, { post: webhookOf(each, components) }])),
    components: {
      schemas: components.all(),
      securitySchemes: {
        HTTPBearer: { type: 'http', scheme: 'bearer', description: 'A token, in the header `authorization`' },
      },
    },
  }
}

function tagsOf(routes: readonly DescribedRoute[]): string[] {
  const used = new Set(routes.flatMap(({ schema }) => schema.tags ?? []))
  return [...new Set([...FIRST_TAGS.filter((tag) => used.has(tag)), ...used])]
}

function operationOf(
  { method, url, schema, isPublic, need }: DescribedRoute,
  components: Components,
  refusals: { readonly plain: JsonSchema; readonly list: JsonSchema },
): Operation {
  const { operationId, summary, description, tags, deprecated } = schema
  const body = schema.body === undefined ? undefined : bodyOf(schema.body as JsonSchema, components)
  const refused = refusalsOf({ isPublic, takesBody: body !== undefined }).map((status) => [
    status,
    { description: REFUSALS[status]!, content: json(status === 422 ? refusals.list : refusals.plain) },
  ])
  const declared = Object.entries((schema.response ?? {}) as Record<string, JsonSchema>).map(
    ([status, form]): [string, Answer] => [
      status,
      {
        description: SUCCESSES[status] ?? REFUSALS[Number(status)] ?? 'An answer',
        ...(IsNull(form) ? {} : { content: json(components.refer(form)) }),
      },
    ],
  )
  return {
    // An id is used once, and a HEAD has its GET's.
    ...(operationId === undefined || method === 'HEAD' ? {} : { operationId }),
    ...(summary === undefined ? {} : { summary }),
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags }),
    ...(deprecated === undefined ? {} : { deprecated }),
    ...(isPublic ? { security: [] } : need === null ? {} : { 'x-needs': need }),
    parameters: [
      ...pathParameters(url, schema.params, components),
      ...parametersOf('query', schema.querystring, components),
      ...parametersOf('header', schema.headers, components),
      ...(method === 'POST' && !isPublic ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: Object.fromEntries([...refused, ...declared]) as Record<string, Answer>,
  }
}

function webhookOf({ name, summary, schema }: DescribedWebhook, components: Components): Webhook {
  return {
    operationId: name,
    summary,
    tags: [WEBHOOKS_TAG],
    requestBody: { required: true, content: json(components.refer(schema)) },
    responses: { '2XX': { description: 'It has arrived. With any other answer it is sent again.' } },
  }
}

function json(schema: JsonSchema): Content {
  return { 'application/json': { schema } }
}

/** A body that may be `null` is one that may be left out. */
function bodyOf(schema: JsonSchema, components: Components): Operation['requestBody'] {
  const branches = (schema['anyOf'] ?? [schema]) as readonly JsonSchema[]
  const forms = branches.filter((branch) => !IsNull(branch))
  const [form] = forms
  return {
    required: forms.length === branches.length,
    content: json(components.refer(forms.length === 1 ? form : schema)),
  }
}

/** Parameters that the route's schema does not name are texts. */
function pathParameters(url: string, schema: unknown, components: Components): Parameter[] {
  const described = parametersOf('path', schema, components)
  return [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({
    ...described.find((parameter) => parameter.name === name),
    name: name!,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name!] ?? 'Its id',
    schema: described.find((parameter) => parameter.name === name)?.schema ?? { type: 'string' },
  }))
}

function parametersOf(place: Parameter['in'], schema: unknown, components: Components): Parameter[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, JsonSchema>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...form } = components.refer(property)
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(typeof description === 'string' ? { description } : {}),
      schema: form,
      // Several values of one parameter are joined by commas.
      ...(form['type'] === 'array' ? { style: 'form', explode: false } : {}),
    }
  })
}
