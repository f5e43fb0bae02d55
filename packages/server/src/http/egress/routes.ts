/** The route that tells consumers where deliveries come from, and which keys sign them. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'
import { baseUrlOf } from '../place.ts'
import { Instant, Nullable } from '../schemas.ts'
import { SIGNING_KEYS_PATH } from '../signing-keys/routes.ts'

const EgressOut = Type.Object(
  {
    addresses: Type.Array(Type.String(), {
      description:
        'Addresses and ranges (CIDR) that deliveries come from; none where the operator has named none. Admit them, and verify the signature all the same: an address is no proof',
      examples: [['203.0.113.7', '2001:db8:12::/64']],
    }),
    signingKeys: Type.Array(
      Type.Object({
        id: Type.String(),
        publicKey: Type.String({ description: 'As libraries of Standard Webhooks take it: whpk_…' }),
        createdAt: Instant,
        expiresAt: Nullable(Instant),
      }),
      { description: 'Keys of the server that sign now (v1a); an endpoint’s own secret is not among them' },
    ),
    signingKeysUrl: Type.String({
      description: 'Where the same keys are, as a JSON Web Key Set, without a token',
    }),
  },
  { $id: 'EgressOut' },
)

/** Adds the route of egress. A consumer has a portal token or one of its application, and nothing here is secret. */
export function egressRoutes(api: Api, { egressAddresses, signingKeys, publicUrl }: HttpDeps): void {
  api.get(
    '/egress',
    {
      schema: {
        operationId: 'v1.egress.get',
        summary: 'Tell which addresses deliveries come from, and which keys sign them',
        tags: ['Egress'],
        response: { 200: EgressOut },
      },
    },
    async ({ protocol, host, place }) => ({
      addresses: [...egressAddresses],
      signingKeys: (await signingKeys()).map(({ id, publicKey, createdAt, expiresAt }) => ({
        id,
        publicKey,
        createdAt: new Date(createdAt).toISOString(),
        expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      })),
      signingKeysUrl: `${publicUrl ?? baseUrlOf({ protocol, host, place })}${SIGNING_KEYS_PATH}`,
    }),
  )
}
