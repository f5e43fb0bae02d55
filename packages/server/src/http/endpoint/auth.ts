/** The forms of an endpoint's credentials. @module */

import { type Static, Type } from 'typebox'

import type { Endpoint } from '../../domain/endpoint.ts'
import {
  type AuthCheck,
  type EndpointAuth,
  certificatesIn,
  expiryOf,
  faultOfAuth,
  faultWithEndpoint,
} from '../../domain/endpoint-auth.ts'
import { ValidationError } from '../../domain/errors.ts'
import { Instant, Maybe, Nullable, bodyFault, described, showInstant } from '../schemas.ts'

const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const Pem = Type.String({ minLength: 1, maxLength: 32_768, description: 'PEM' })
/** What RFC 6749 allows in scopes, and what URLs and names may have: printable ASCII. */
const Parameter = Type.String({ minLength: 1, maxLength: 1_024, pattern: '^[\\x20-\\x7e]+$' })

const ClientAuthentication = Type.Enum(['basic', 'body'], {
  description:
    'How the token server is told who asks: in the header `authorization`, or in the body. Where it is left out, `basic`.',
})

const BasicIn = Type.Object({
  type: Type.Enum(['basic']),
  username: described(Type.String({ maxLength: 1_024 }), 'Without a colon.'),
  password: described(Type.String({ maxLength: 1_024 }), 'Never shown again.'),
})

const OAuth2In = Type.Object({
  type: Type.Enum(['oauth2']),
  tokenUrl: described(Text(8_192), 'Where tokens are got, with the grant `client_credentials`.'),
  clientId: described(Text(1_024), 'Names the client to the token server.'),
  clientSecret: described(Text(8_192), 'Never shown again.'),
  scope: described(Maybe(Parameter), 'Scopes to ask for, with spaces between them.'),
  audience: described(Maybe(Parameter), 'Sent to the token server, where that wants it.'),
  resource: described(Maybe(Parameter), 'Sent to the token server, where that wants it (RFC 8707).'),
  clientAuthentication: Type.Optional(ClientAuthentication),
})

const MtlsIn = Type.Object({
  type: Type.Enum(['mtls']),
  certificate: described(Pem, 'PEM: the certificate, then those between it and the root.'),
  privateKey: described(Pem, 'PEM, not encrypted. Never shown again.'),
})

/** Credentials as they are given; `null` for none. */
export const AuthIn = Type.Union([BasicIn, OAuth2In, MtlsIn, Type.Null()], {
  description:
    'How deliveries prove who sends them, beside the signature: by user name and password, by a bearer token that is got ' +
    'with client credentials, or by a client certificate. Secrets are never shown again.',
})

/** Credentials as they are shown: without what is secret in them. */
export const AuthOut = Nullable(
  Type.Union([
    Type.Object({ type: Type.Enum(['basic']), username: Type.String() }),
    Type.Object({
      type: Type.Enum(['oauth2']),
      tokenUrl: Type.String(),
      clientId: Type.String(),
      scope: Nullable(Type.String()),
      audience: Nullable(Type.String()),
      resource: Nullable(Type.String()),
      clientAuthentication: ClientAuthentication,
    }),
    Type.Object({
      type: Type.Enum(['mtls']),
      certificate: Type.String(),
      certificateExpiresAt: described(Nullable(Instant), 'Until when the certificate is valid.'),
    }),
  ]),
)

/** Reads credentials. Of a PEM text no more is kept than its certificates. */
export function authOf(input: Static<typeof AuthIn>): EndpointAuth | null {
  if (input === null) return null
  switch (input.type) {
    case 'basic':
      return { type: input.type, username: input.username, password: input.password }
    case 'oauth2':
      return {
        type: input.type,
        tokenUrl: input.tokenUrl,
        clientId: input.clientId,
        clientSecret: input.clientSecret,
        scope: input.scope ?? null,
        audience: input.audience ?? null,
        resource: input.resource ?? null,
        clientAuthentication: input.clientAuthentication ?? 'basic',
      }
    case 'mtls':
      return {
        type: input.type,
        certificate: certificatesIn(input.certificate).join(''),
        privateKey: input.privateKey,
      }
  }
}

/** Shows credentials, save their secrets. */
export function showAuth(auth: EndpointAuth | null): Static<typeof AuthOut> {
  if (auth === null) return null
  switch (auth.type) {
    case 'basic':
      return { type: auth.type, username: auth.username }
    case 'oauth2': {
      const { clientSecret: _, ...shown } = auth
      return shown
    }
    case 'mtls': {
      const expiresAt = expiryOf(auth)
      return {
        type: auth.type,
        certificate: auth.certificate,
        certificateExpiresAt: expiresAt === null ? null : showInstant(expiresAt),
      }
    }
  }
}

/** Checks credentials that are given. @throws {ValidationError} Names the field. */
export function checkAuth(auth: EndpointAuth | null, check: AuthCheck): void {
  const fault = auth === null ? null : faultOfAuth(auth, check)
  if (fault === null) return
  throw new ValidationError([{ loc: ['body', 'auth', fault.field], msg: fault.msg, type: 'value_error' }])
}

/**
 * Checks that an endpoint's credentials go with the rest of it.
 *
 * @param field - The field of the body to name.
 * @throws {ValidationError}
 */
export function checkAuthFits(
  endpoint: Pick<Endpoint, 'auth' | 'url' | 'headers'>,
  field: 'auth' | 'headers' | 'url',
): void {
  const fault = endpoint.auth === null ? null : faultWithEndpoint(endpoint.auth, endpoint)
  if (fault !== null) throw bodyFault(field, `does not go with the endpoint: ${fault}`)
}
