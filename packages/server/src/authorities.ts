/** The file of certificate authorities that are trusted beside the usual ones. @module */

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { PosthornError } from './domain/errors.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Returns the certificates (PEM) in a file.
 *
 * @throws {PosthornError} `bad_config`: it cannot be read, has none, or one that is none.
 */
export function readAuthorities(path: string): string[] {
  const certificates = textOf(path).match(CERTIFICATE) ?? []
  if (certificates.length === 0) throw badFile(path, 'has no certificate in it')
  return certificates.map((certificate, at) => {
    try {
      return new X509Certificate(certificate).toString().trim()
    } catch (cause) {
      throw badFile(path, `has a certificate that cannot be read, number ${at + 1}`, cause)
    }
  })
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw badFile(path, `cannot be read: ${(cause as Error).message}`, cause)
  }
}

function badFile(path: string, fault: string, cause?: unknown): PosthornError {
  return new PosthornError('bad_config', `--tls-ca-file: ${path} ${fault}`, {
    hint: 'Give a file of certificates in PEM, each from BEGIN CERTIFICATE to END CERTIFICATE',
    cause,
  })
}
