/** Makes values that fit a schema and that a reader knows at sight. @module */

import type { JsonSchema } from '../openapi/components.ts'

/** The named schemas of a description. */
export type NamedSchemas = Readonly<Record<string, JsonSchema>>

const SAMPLE_INSTANT = '2026-01-15T09:30:00.000Z'

/** What the examples name, by parameter of a path. A name with `$` is a shell variable that the reader sets. */
export const PATH_SAMPLES: Readonly<Record<string, string>> = {
  app_id: 'acme',
  endpoint_id: 'main',
  event_type_name: 'invoice.paid',
  msg_id: 'invoice-1001',
}

/** Values of fields, by name, or by form and name. What is not here is made from its schema. */
const FIELD_SAMPLES: Readonly<Record<string, unknown>> = {
  'EventTypeIn.name': 'invoice.voided',
  'EventTypeIn.description': 'An invoice was voided',
  'EventTypeOut.name': 'invoice.paid',
  'ApiTokenIn.name': 'deploy',
  'EndpointOut.description': 'Production',
  'EndpointOut.uid': 'main',
  'MessageEndpointOut.uid': 'main',
  'OperationalWebhookEndpointOut.uid': 'main',
  version: 1,
  spec: {
    openapi: '3.1.0',
    info: { title: 'Acme', version: '1' },
    webhooks: { 'invoice.voided': { post: { description: 'An invoice was voided' } } },
  },
  username: 'posthorn',
  appId: 'app_3Ck0cZbNfXy7LrQpVdT2mGwEuKs',
  endpointUid: 'main',
  msgEventId: 'invoice-1001',
  ids: ['invoice-1001'],
  name: 'Acme',
  url: 'https://example.com/webhooks',
  description: 'An invoice was paid in full',
  eventType: 'invoice.paid',
  eventTypes: ['invoice.paid'],
  filterTypes: ['invoice.paid'],
  eventId: 'invoice-1001',
  msgId: 'msg_3Ck0eUuq4mGJvSxQK8mWc2fYbNd',
  endpointId: 'ep_3Ck0dHrPqEwDfnV5TzKs9aXgLy2',
  payload: { invoice: 'in_1001', amount: 4200, currency: 'EUR' },
  channels: ['eu'],
  tags: ['billing'],
  metadata: { plan: 'pro' },
  headers: { 'x-region': 'eu' },
  uid: 'acme',
  key: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  responseStatusCode: 200,
  responseDurationMs: 42,
  gracePeriodSeconds: 86_400,
  throttleRate: 50,
  rateLimit: 50,
  appUid: 'acme',
  until: '2026-01-16T09:30:00.000Z',
  oneTimeToken: '$ONE_TIME_TOKEN',
  token: 'ptok_3Ck0hQmWc2fYbNdUuq4mGJvSxQK',
  failure: null,
  deprecated: false,
  archived: false,
  disabled: false,
  done: true,
}

/** The last attempt of those events that tell of a failure; that of the others succeeded. */
const FAILED_ATTEMPT = {
  id: 'atmpt_3Ck0fWc2fYbNdUuq4mGJvSxQK8m',
  responseStatusCode: 503,
  timestamp: SAMPLE_INSTANT,
}
const FAILED_SAMPLES: Readonly<Record<string, unknown>> = {
  'MessageAttemptFailingEventData.lastAttempt': FAILED_ATTEMPT,
  'MessageAttemptExhaustedEventData.lastAttempt': FAILED_ATTEMPT,
}

/** Fields whose sample nobody should paste: a secret that is known to all is none. */
const SECRETS: ReadonlySet<string> = new Set(['key', 'secret'])

/** Ids that a form has as its own, by the beginning of its name. */
const OWN_IDS: readonly (readonly [form: string, id: string])[] = [
  ['Application', 'app_3Ck0cZbNfXy7LrQpVdT2mGwEuKs'],
  ['OperationalWebhookEndpoint', 'ep_3Ck0dHrPqEwDfnV5TzKs9aXgLy2'],
  ['EndpointMessage', 'msg_3Ck0eUuq4mGJvSxQK8mWc2fYbNd'],
  ['Endpoint', 'ep_3Ck0dHrPqEwDfnV5TzKs9aXgLy2'],
  ['MessageAttempt', 'atmpt_3Ck0fWc2fYbNdUuq4mGJvSxQK8m'],
  // As the vendor spells it.
  ['MessageAttempetLast', 'atmpt_3Ck0fWc2fYbNdUuq4mGJvSxQK8m'],
  ['LastAttempt', 'atmpt_3Ck0fWc2fYbNdUuq4mGJvSxQK8m'],
  ['MessageEndpoint', 'ep_3Ck0dHrPqEwDfnV5TzKs9aXgLy2'],
  ['Message', 'msg_3Ck0eUuq4mGJvSxQK8mWc2fYbNd'],
]

/** Which fields of an object a sample has. */
export type Fields = 'required' | 'all'

/**
 * Returns a value that fits the schema.
 *
 * @param fields - `required`: where an object requires none, its first field that has a sample of its own.
 */
export function sampleOf(schema: JsonSchema, named: NamedSchemas, fields: Fields): unknown {
  return sample(schema, '', '')

  function sample(given: JsonSchema, name: string, form: string): unknown {
    const place = `${form}.${name}`
    if (Object.hasOwn(FAILED_SAMPLES, place)) return FAILED_SAMPLES[place]
    if (typeof given['$ref'] === 'string') {
      const refName = given['$ref'].split('/').at(-1)!
      return sample(named[refName]!, name, refName)
    }
    if (Array.isArray(given['examples'])) return given['examples'][0] as unknown
    const known = [`${form}.${name}`, name].find((key) => Object.hasOwn(FIELD_SAMPLES, key))
    if (known !== undefined && fits(FIELD_SAMPLES[known], given)) return FIELD_SAMPLES[known]
    if ('const' in given) return given['const']
    if (Array.isArray(given['enum'])) return given['enum'][0] as unknown
    if (Array.isArray(given['anyOf'])) return sample(given['anyOf'][0] as JsonSchema, name, form)
    switch (given['type']) {
      case 'object':
        return sampleObject(given, form)
      case 'array':
        return [sample((given['items'] ?? {}) as JsonSchema, '', form)]
      case 'integer':
      case 'number':
        return given['minimum'] ?? 0
      case 'boolean':
        return true
      case 'null':
        return null
      case 'string':
        return sampleText(given, name, form)
      default:
        return {}
    }
  }

  function sampleObject(given: JsonSchema, form: string): unknown {
    const properties = (given['properties'] ?? {}) as Record<string, JsonSchema>
    const required = (given['required'] ?? []) as readonly string[]
    const names = Object.keys(properties)
    const first = names.find((name) => Object.hasOwn(FIELD_SAMPLES, name) && !SECRETS.has(name))
    const shown = fields === 'all' ? names : required.length > 0 || first === undefined ? required : [first]
    const object = Object.fromEntries(shown.map((name) => [name, sample(properties[name]!, name, form)]))
    const key = keyOf(object)
    return key === null ? object : { ...object, iterator: key, prevIterator: `-${key}` }
  }
}

function sampleText(schema: JsonSchema, name: string, form: string): string {
  if (schema['format'] === 'date-time') return SAMPLE_INSTANT
  const id = name === 'id' ? OWN_IDS.find(([start]) => form.startsWith(start))?.[1] : undefined
  if (id !== undefined) return id
  return 'text'
}

/** The id of the last item of a list's page; `null` where it is no such page. */
function keyOf({ data, iterator }: Readonly<Record<string, unknown>>): string | null {
  if (!Array.isArray(data) || iterator === undefined) return null
  const { id, name } = (data.at(-1) ?? {}) as { id?: string; name?: string }
  return id ?? name ?? null
}

/** Whether a sample is of the schema's kind: a field of the same name may be another thing in another form. */
function fits(value: unknown, schema: JsonSchema): boolean {
  if (Array.isArray(schema['anyOf']))
    return schema['anyOf'].some((branch) => fits(value, branch as JsonSchema))
  if (schema['enum'] !== undefined || schema['const'] !== undefined) return false
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const wanted = schema['type'] === 'integer' ? 'number' : schema['type']
  return wanted === kind
}
