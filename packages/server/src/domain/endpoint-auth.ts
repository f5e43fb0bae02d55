/** How deliveries prove to an endpoint who sends them, beside the signature: credentials of the endpoint's own. @module */

import { X509Certificate, createPrivateKey } from 'node:crypto'

/** User name and password, in the header `authorization`. Source: RFC 7617. */
export interface BasicAuth {
  readonly type: 'basic'
  readonly username: string
  readonly password: string
}

/** How the token server is told who asks. Source: RFC 6749, section 2.3.1. */
export type ClientAuthentication =
  /** In the header `authorization`. */
  | 'basic'
  /** In the body. */
  | 'body'

/** A bearer token that is got for client credentials. Source: RFC 6749, section 4.4. */
export interface OAuth2Auth {
  readonly type: 'oauth2'
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string | null
  /** Whom the token is for, as some token servers want it: their own `audience`, or the `resource` of RFC 8707. */
  readonly audience: string | null
  readonly resource: string | null
  readonly clientAuthentication: ClientAuthentication
}

/** A certificate that is shown when the connection is made. */
export interface MtlsAuth {
  readonly type: 'mtls'
  /** PEM: the certificate and, after it, those that lead to its authority. Anyone may see them. */
  readonly certificate: string
  /** PEM, not encrypted. */
  readonly privateKey: string
}

/** How deliveries prove who sends them. Secret as a whole: encrypted at rest, and shown in part only. */
export type EndpointAuth = BasicAuth | OAuth2Auth | MtlsAuth

/** What is wrong with credentials, and with which field of them. */
export interface AuthFault {
  readonly field: string
  readonly msg: string
}

const HEADER = 'authorization'

/** Returns the name of the header in which these credentials go; `null` where they go in none. */
export function headerOfAuth(auth: EndpointAuth | null): string | null {
  return auth === null || auth.type === 'mtls' ? null : HEADER
}

/** Returns why credentials do not go with the rest of their endpoint, or `null`. */
export function faultWithEndpoint(
  auth: EndpointAuth,
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
): string | null {
  if (auth.type === 'mtls') {
    const isTls = URL.parse(url)?.protocol === 'https:'
    return isTls ? null : 'mtls needs an https URL: without TLS no certificate is shown'
  }
  const isTwice = Object.keys(headers).some((name) => name.toLowerCase() === HEADER)
  return isTwice
    ? `${auth.type} sets the header ${HEADER}, which is among the endpoint's headers too: remove one of the two`
    : null
}

/** What the world says of credentials. */
export interface AuthCheck {
  /** Returns what is wrong with a URL as a destination, or `null`. */
  readonly faultOfUrl: (url: string) => string | null
  /** Epoch milliseconds. */
  readonly now: number
}

/** Returns the first fault of the credentials, or `null`. */
export function faultOfAuth(auth: EndpointAuth, check: AuthCheck): AuthFault | null {
  switch (auth.type) {
    case 'basic':
      return faultOfBasic(auth)
    case 'oauth2': {
      const fault = check.faultOfUrl(auth.tokenUrl)
      return fault === null ? null : { field: 'tokenUrl', msg: fault }
    }
    case 'mtls':
      return faultOfMtls(auth, check.now)
  }
}

function faultOfBasic({ username, password }: BasicAuth): AuthFault | null {
  // Source: RFC 7617, section 2: the first colon ends the name, and neither has control characters.
  if (username.includes(':')) return { field: 'username', msg: 'must not have a colon, which ends it' }
  if (/\p{Cc}/u.test(username)) return { field: 'username', msg: 'must not have control characters' }
  return /\p{Cc}/u.test(password) ? { field: 'password', msg: 'must not have control characters' } : null
}

function faultOfMtls({ certificate, privateKey }: MtlsAuth, now: number): AuthFault | null {
  const certificates = certificatesIn(certificate)
  if (certificates.length === 0) {
    return { field: 'certificate', msg: 'has no certificate in PEM (-----BEGIN CERTIFICATE-----)' }
  }
  const parsed: X509Certificate[] = []
  for (const [i, pem] of certificates.entries()) {
    const each = certificateOf(pem)
    if (each === null)
      return { field: 'certificate', msg: `cannot be read: certificate ${i + 1} is no X.509` }
    parsed.push(each)
  }
  const [own] = parsed
  if (own!.validToDate.getTime() <= now) {
    return { field: 'certificate', msg: `expired on ${own!.validToDate.toISOString()}` }
  }
  if (/-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(privateKey)) {
    return { field: 'privateKey', msg: 'is encrypted: give it without a passphrase' }
  }
  const key = privateKeyOf(privateKey)
  if (key === null) return { field: 'privateKey', msg: 'is no private key in PEM that can be read' }
  return own!.checkPrivateKey(key)
    ? null
    : { field: 'privateKey', msg: 'is not the key of the first certificate' }
}

/**
 * Returns the certificates of a PEM text, each on its own, and nothing of what stands between them: that may be a private
 * key, and certificates are shown.
 */
export function certificatesIn(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => `${block}\n`)
}

/** Returns when the first certificate expires, in epoch milliseconds; `null` where there is none that can be read. */
export function expiryOf({ certificate }: Pick<MtlsAuth, 'certificate'>): number | null {
  return certificateOf(certificate)?.validToDate.getTime() ?? null
}

function certificateOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}

function privateKeyOf(pem: string) {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}
