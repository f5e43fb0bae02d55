/** The route that asks the owner of an endpoint whether it wants to be called. @module */

import { type Static, Type } from 'typebox'

import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'
import { Nullable } from '../schemas.ts'
import { askAndEnable } from './ownership.ts'
import { EndpointPath, requireEndpoint } from './routes.ts'

const EndpointVerifyOut = Type.Object(
  {
    verified: Type.Boolean({ description: 'Whether it waits no more for the consent of its owner.' }),
    detail: Nullable(Type.String({ description: 'What the consent lacked.' })),
  },
  { $id: 'EndpointVerifyOut' },
)

/** Adds the route that asks an endpoint's owner again. */
export function endpointVerifyRoutes(api: Api, deps: HttpDeps): void {
  api.post(
    '/app/:app_id/endpoint/:endpoint_id/verify',
    {
      schema: {
        operationId: 'v1.endpoint.verify',
        summary: 'Ask the owner of an endpoint whether it wants to be called',
        description:
          'Where the server asks owners (`--verify-endpoints`), a new endpoint and one with a new URL are `unverified` until ' +
          'theirs consents. This asks again, and enables the endpoint where it does. Of one that is not `unverified` ' +
          'nobody is asked.',
        tags: ['Endpoint'],
        params: EndpointPath,
        response: { 200: EndpointVerifyOut },
      },
    },
    async ({ principal, params }): Promise<Static<typeof EndpointVerifyOut>> => {
      const endpoint = await requireEndpoint(deps, principal, params)
      if (endpoint.disabledReason !== 'unverified') return { verified: true, detail: null }
      const { proof } = await askAndEnable(deps, endpoint)
      return proof.isProved ? { verified: true, detail: null } : { verified: false, detail: proof.detail }
    },
  )
}
