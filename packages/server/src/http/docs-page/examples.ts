/** Example requests: for a shell, and for the Svix client. @module */

import type { Operation } from '../openapi/document.ts'
import { type NamedSchemas, PATH_SAMPLES, sampleOf } from './samples.ts'

/** Stands for the server's own URL, until the page is sent. */
export const ORIGIN = '{{origin}}'

/** Stands for what that URL has after its host: nothing, where the server is not mounted in another application. */
export const MOUNT = '{{mount}}'

/** One operation with its place. */
export interface PlacedOperation {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

/** Writes an operation as a `curl` command, which runs as it stands where `$TOKEN` is set. */
export function curlOf({ method, path, operation }: PlacedOperation, named: NamedSchemas): string {
  const url = `${ORIGIN}${path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => PATH_SAMPLES[name] ?? `$${variableOf(name)}`)}`
  const body = bodyOf(operation, named)
  const isPublic = operation.security?.length === 0
  const lines = [
    `curl${flagOf(method)} ${url.includes('$') ? `"${url}"` : url}`,
    ...(isPublic ? [] : ['-H "authorization: Bearer $TOKEN"']),
    ...(body === undefined
      ? []
      : [
          "-H 'content-type: application/json'",
          `-d ${quoted(JSON.stringify(body, null, 2).replaceAll('\n', '\n  '))}`,
        ]),
  ]
  return lines.join(' \\\n  ')
}

/** The shell variable that stands for a parameter whose value only the server knows: `$ATTEMPT_ID`. */
export function variableOf(parameter: string): string {
  return parameter.toUpperCase()
}

/** The value of the body in the example; `undefined` where the operation takes none. */
export function bodyOf(operation: Operation, named: NamedSchemas): unknown {
  const schema = operation.requestBody?.content['application/json'].schema
  return schema === undefined ? undefined : sampleOf(schema, named, 'required')
}

function flagOf(method: string): string {
  if (method === 'get') return ''
  return method === 'head' ? ' -I' : ` -X ${method.toUpperCase()}`
}

/** Quotes a text for a POSIX shell, with the variables in it filled in. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`).replaceAll(/\$[A-Z_]+/g, `'"$&"'`)}'`
}

/** What the Svix client has of our operations: its resource and methods, by the middle of an operation's id. */
export const CLIENT: Readonly<
  Record<string, { readonly resource: string; readonly methods: readonly string[] }>
> = {
  application: {
    resource: 'application',
    methods: ['list', 'create', 'get', 'upsert', 'patch', 'delete'],
  },
  authentication: {
    resource: 'authentication',
    methods: ['appPortalAccess', 'logout', 'expireAll'],
  },
  'background-task': { resource: 'backgroundTask', methods: ['list', 'get'] },
  endpoint: {
    resource: 'endpoint',
    methods: ['list', 'create', 'get', 'upsert', 'patch', 'delete', 'getSecret', 'rotateSecret'].concat(
      ['getHeaders', 'setHeaders', 'patchHeaders', 'recover', 'replayMissing', 'bulkReplay'],
      ['sendExample', 'getStats'],
    ),
  },
  'event-type': {
    resource: 'eventType',
    methods: ['list', 'create', 'get', 'upsert', 'patch', 'delete', 'importOpenapi'],
  },
  health: { resource: 'health', methods: ['get'] },
  message: {
    resource: 'message',
    methods: ['list', 'create', 'get', 'precheck', 'expungeContent', 'bulkExpungeContent'],
  },
  'message-attempt': {
    resource: 'messageAttempt',
    methods: [
      'listByEndpoint',
      'listByMsg',
      'listAttemptedMessages',
      'listAttemptedDestinations',
      'get',
    ].concat(['expungeContent', 'resend']),
  },
  'operational-webhook.endpoint': {
    resource: 'operationalWebhook.endpoint',
    methods: [
      'list',
      'create',
      'get',
      'upsert',
      'delete',
      'getSecret',
      'rotateSecret',
      'getHeaders',
      'setHeaders',
    ],
  },
  statistics: { resource: 'statistics', methods: ['aggregateAppStats', 'aggregateEventTypes'] },
}

/** Methods of the client that are named otherwise than their operation. */
const RENAMED: Readonly<Record<string, string>> = { update: 'upsert', 'update-headers': 'setHeaders' }

/** Writes an operation as a call of the Svix client; `null` where the client has none. */
export function clientCallOf({ path, operation }: PlacedOperation, named: NamedSchemas): string | null {
  const parts = (operation.operationId ?? '').split('.')
  const { resource, methods = [] } = CLIENT[parts.slice(1, -1).join('.')] ?? {}
  const name = parts.at(-1)!
  const method = RENAMED[name] ?? name.replaceAll(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())
  if (resource === undefined || !methods.includes(method)) return null
  const values = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => {
    const value = PATH_SAMPLES[parameter!]
    return value === undefined ? `process.env.${variableOf(parameter!)}` : `'${value}'`
  })
  const body = bodyOf(operation, named)
  const given = [...values, ...(body === undefined ? [] : [literal(body)])]
  return `await svix.${resource}.${method}(${given.join(', ')})`
}

/** Writes a value as JavaScript, with instants as the client takes them. */
function literal(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .replaceAll(/^(\s*)"(\w+)":/gm, '$1$2:')
    .replaceAll(/"\$([A-Z_]+)"/g, 'process.env.$1')
    .replaceAll(/"(\d{4}-\d\d-\d\dT[\d:.]+Z)"/g, "new Date('$1')")
}
