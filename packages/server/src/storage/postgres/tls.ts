/** TLS to PostgreSQL, as its URL asks for it, by the words of libpq. @module */

import { readFileSync } from 'node:fs'
import { type ConnectionOptions, createSecureContext } from 'node:tls'

import { PosthornError } from '../../domain/errors.ts'

/** What the driver is given of a URL. */
export interface UrlConfig {
  readonly connectionString: string
  /** `false`: none. Absent where the URL says nothing of it: then the driver's own variables count, such as `PGSSLMODE`. */
  readonly ssl?: ConnectionOptions | false
}

/**
 * What is checked beyond the encryption. `prefer` and `allow` are not among them: whoever stands between could choose
 * to have no TLS.
 */
const CHECKS: Readonly<Record<string, ConnectionOptions | false>> = {
  disable: false,
  require: { rejectUnauthorized: false },
  // The driver's own word for the same.
  'no-verify': { rejectUnauthorized: false },
  'verify-ca': { checkServerIdentity: () => undefined },
  'verify-full': {},
}

/** The files of TLS, by parameter and by the driver's name. */
const FILES = { sslrootcert: 'ca', sslcert: 'cert', sslkey: 'key' } as const

/** Trust the authorities that Node.js trusts: a word of libpq in the place of a file. */
const SYSTEM = 'system'

/**
 * Takes TLS out of a URL. The driver would read `require` as `verify-full`, with a warning on the console, and take a
 * word that it does not know for it too.
 *
 * Source: PostgreSQL's documentation, "SSL Support" of libpq.
 *
 * @throws {PosthornError} `bad_config`: a mode that is none, or a file that cannot be used.
 */
export function urlConfig(url: string): UrlConfig {
  const parsed = new URL(url)
  const parameters = parsed.searchParams
  const mode = parameters.get('sslmode')
  const hasFiles = Object.keys(FILES).some((name) => parameters.has(name))
  if (mode === null && !hasFiles) return { connectionString: url }
  const ssl = sslOf(mode ?? 'verify-full', parameters)
  for (const name of ['sslmode', 'uselibpqcompat', ...Object.keys(FILES)]) parameters.delete(name)
  return { connectionString: parsed.href, ssl }
}

function sslOf(mode: string, parameters: URLSearchParams): ConnectionOptions | false {
  const rootFile = parameters.get('sslrootcert')
  // An authority that is named is asked: so it is in libpq.
  const named = mode === 'require' && rootFile !== null ? 'verify-ca' : mode
  const checks = Object.hasOwn(CHECKS, named) ? CHECKS[named] : undefined
  if (checks === undefined) {
    throw new PosthornError('bad_config', `sslmode=${mode} is not right`, {
      hint: 'Give disable, require (encrypted, and nobody is checked), verify-ca, or verify-full, which checks the authority and the name',
    })
  }
  if (checks === false) return false
  if (named === 'verify-ca' && (rootFile === null || rootFile === SYSTEM)) {
    throw new PosthornError('bad_config', 'sslmode=verify-ca needs sslrootcert', {
      hint: 'Anybody may have a certificate of a public authority: give the file of your own, or sslmode=verify-full',
    })
  }
  const files: ConnectionOptions = {}
  for (const [name, key] of Object.entries(FILES)) {
    const path = parameters.get(name)
    if (path !== null && !(name === 'sslrootcert' && path === SYSTEM)) files[key] = readPem(name, path)
  }
  try {
    createSecureContext(files)
  } catch (cause) {
    throw new PosthornError('bad_config', `The files of TLS cannot be used: ${(cause as Error).message}`, {
      hint: 'sslcert and sslkey are a certificate and its own key, in PEM and without a password',
      cause,
    })
  }
  return { ...checks, ...files }
}

function readPem(name: string, path: string): string {
  let text = ''
  let cause: unknown
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    cause = error
  }
  // Node.js passes over an authority that is none, and then trusts nobody.
  if (text.includes('-----BEGIN ')) return text
  const why = cause instanceof Error ? cause.message : 'it is no PEM'
  throw new PosthornError('bad_config', `${name}=${path} cannot be used: ${why}`, {
    hint: 'Give the path of a PEM file that this process may read',
    cause,
  })
}

/** What OpenSSL and Node.js say of a certificate that they do not accept. */
const REFUSED = /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|HOSTNAME_MISMATCH)/

/** Tells whether the server's certificate was not accepted. */
export function isCertificateRefusal(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && REFUSED.test(error.code)
  )
}

/** What to look at when the database could not be opened. */
export function openingHint(error: unknown): string {
  return isCertificateRefusal(error)
    ? 'The certificate of the database is not trusted here: give the file of its authority in the URL, as ?sslmode=verify-full&sslrootcert=/path/ca.pem, and the host by a name that is in the certificate'
    : 'It must be reachable under the URL given, and its role must be allowed to create a schema there'
}
