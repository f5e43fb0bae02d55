/** What we need of an X.509 certificate: its public key and the time in which it is valid. @module */

import { decodeBase64, type Bytes } from '../base64.ts'
import { readSequence, SEQUENCE, type DerElement } from './der.ts'

/** A public key as SubjectPublicKeyInfo, and the first and last instant of its certificate. */
export interface Certificate {
  readonly spki: Bytes
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

const PEM = /^-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n-----END CERTIFICATE-----\r?$/m
const VERSION = 0xa0
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

/**
 * Reads the first certificate of a PEM text, the leaf of a chain, or returns `null`. It checks no signature:
 * that the certificate is the provider's follows from where it was fetched.
 *
 * Source: RFC 5280, section 4.1; RFC 7468, section 5.
 */
export function readCertificate(pem: string): Certificate | null {
  const der = decodeBase64((PEM.exec(pem)?.[1] ?? '').replaceAll(/[\r\n]/g, ''))
  const [tbs] = (der === null ? null : readSequence(der)) ?? []
  const fields = tbs === undefined ? null : readSequence(tbs.raw)
  if (fields === null) return null
  // After the version, which is absent from a v1 certificate: serial, algorithm, issuer, validity, subject, key.
  const [, , , validity, , key] = fields[0]?.tag === VERSION ? fields.slice(1) : fields
  if (validity === undefined || key?.tag !== SEQUENCE) return null
  const [notBeforeMs = null, notAfterMs = null] = (readSequence(validity.raw) ?? []).map(readTime)
  if (notBeforeMs === null || notAfterMs === null) return null
  return { spki: key.raw, notBeforeMs, notAfterMs }
}

/** RFC 5280, section 4.1.2.5: UTCTime with two digits of the year up to 2049, GeneralizedTime from then on. */
function readTime({ tag, content }: DerElement): number | null {
  const text = String.fromCharCode(...content)
  const [, year = '', month, day, hour, minute, second] =
    /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? []
  if (tag !== (year.length === 2 ? UTC_TIME : GENERALIZED_TIME)) return null
  const full = year.length === 4 ? year : `${Number(year) < 50 ? '20' : '19'}${year}`
  const timeMs = Date.parse(`${full}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(timeMs) ? null : timeMs
}
