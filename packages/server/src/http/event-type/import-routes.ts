/** The route that makes event types of the webhooks of an OpenAPI document. @module */

import { type Static, Type } from 'typebox'

import { PosthornError, ValidationError } from '../../domain/errors.ts'
import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'
import { nulsIn } from '../no-nul.ts'
import { Maybe, Nullable } from '../schemas.ts'
import { readWebhooks } from './openapi-webhooks.ts'
import { readYaml } from './read-yaml.ts'
import { EventTypeOut } from './schemas.ts'

/** A document, as JSON or as text. */
const EventTypeImportOpenApiIn = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean({ description: 'Only tell what would be modified' })),
    replaceAll: Type.Optional(
      Type.Boolean({ description: 'Archive the event types that are not in the document' }),
    ),
    spec: Maybe(Type.Record(Type.String(), Type.Unknown(), { description: 'The OpenAPI document' })),
    specRaw: Maybe(Type.String({ description: 'The OpenAPI document as text: JSON or YAML' })),
  },
  { $id: 'EventTypeImportOpenApiIn' },
)

const { name, description, schemas, deprecated, groupName, featureFlags } = EventTypeOut.properties

/** An event type as the document has it. */
const EventTypeFromOpenApi = Type.Object(
  {
    name,
    description,
    schemas,
    deprecated,
    groupName: Type.Optional(groupName),
    featureFlags: Type.Optional(featureFlags),
  },
  { $id: 'EventTypeFromOpenApi' },
)

const EventTypeImportOpenApiOutData = Type.Object(
  {
    modified: Type.Array(Type.String(), {
      description: 'Names of the types that were made, changed or brought back; none in a dry run',
    }),
    to_modify: Type.Optional(
      Nullable(Type.Array(EventTypeFromOpenApi, { description: 'In a dry run: the types that would be' })),
    ),
    archived: Type.Array(Type.String(), {
      description: 'Names of the types that `replaceAll` archived, or would, in a dry run',
    }),
  },
  { $id: 'EventTypeImportOpenApiOutData', description: 'What became of the event types.' },
)

const EventTypeImportOpenApiOut = Type.Object(
  { data: EventTypeImportOpenApiOutData },
  { $id: 'EventTypeImportOpenApiOut' },
)

/** Adds the route. */
export function eventTypeImportRoutes(api: Api, { store, clock }: HttpDeps): void {
  api.post(
    '/event-type/import/openapi',
    {
      schema: {
        operationId: 'v1.event-type.import-openapi',
        summary: 'Make event types of the webhooks of an OpenAPI document',
        description:
          'Takes all webhooks under `webhooks` or `x-webhooks`, or none. The name of a webhook is that of its event type, and ' +
          'the JSON schema of its body, with what it refers to, takes the place of the type’s schemas. What the type has ' +
          'beside stays. References lead to places in the document; nothing is fetched. Give either `spec` or `specRaw`.',
        tags: ['Event Type'],
        body: EventTypeImportOpenApiIn,
        response: { 200: EventTypeImportOpenApiOut },
      },
    },
    async ({ principal, body }): Promise<Static<typeof EventTypeImportOpenApiOut>> => {
      const { field, document } = await documentOf(body)
      const read = await readWebhooks(document)
      // YAML has escapes of its own for it.
      const nuls = nulsIn(document, 'body').map((fault) => ({
        ...fault,
        loc: ['body', field, ...fault.loc.slice(1)],
      }))
      if (nuls.length > 0) throw new ValidationError(nuls)
      if (read.kind === 'fault') throw faultIn(field, read)
      const isDryRun = body.dryRun ?? false
      const options = { archivesOthers: body.replaceAll ?? false, isDryRun }
      const { modified, archived } = await store.importEventTypes(
        principal.organisationId,
        read.eventTypes,
        options,
        clock(),
      )
      if (!isDryRun) return { data: { modified: [...modified], to_modify: null, archived: [...archived] } }
      const names = new Set(modified)
      const toModify = read.eventTypes.filter((type) => names.has(type.name))
      return {
        data: {
          modified: [],
          to_modify: toModify as Static<typeof EventTypeFromOpenApi>[],
          archived: [...archived],
        },
      }
    },
  )
}

/** @throws {PosthornError} `bad_request`: neither form of the document is given, or both. */
async function documentOf({
  spec,
  specRaw,
}: Static<typeof EventTypeImportOpenApiIn>): Promise<{ field: string; document: unknown }> {
  const hasSpec = spec !== undefined && spec !== null
  const hasRaw = specRaw !== undefined && specRaw !== null
  if (hasSpec === hasRaw) {
    throw new PosthornError('bad_request', `The document is given ${hasSpec ? 'twice' : 'nowhere'}`, {
      hint: 'Give either spec, as JSON, or specRaw, as text',
    })
  }
  if (!hasRaw) return { field: 'spec', document: spec }
  try {
    return { field: 'specRaw', document: JSON.parse(specRaw) as unknown }
  } catch {
    const read = await readYaml(specRaw)
    if (read.kind === 'fault') throw faultIn('specRaw', { path: [], msg: read.msg })
    return { field: 'specRaw', document: read.value }
  }
}

function faultIn(
  field: string,
  { path, msg }: { readonly path: readonly string[]; readonly msg: string },
): ValidationError {
  return new ValidationError([{ loc: ['body', field, ...path], msg, type: 'openapi' }])
}
