/** Certificates that tests make: X.509 in DER by hand (RFC 5280), with keys on the curve P-256. @module */

import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto'

/** A certificate and its private key, both PEM. */
export interface Certified {
  readonly certificate: string
  readonly key: string
}

/** Something that signs certificates. */
export interface Authority extends Certified {
  /** Makes a certificate for these names and addresses. */
  issue(options?: LeafOptions): Certified
}

/** What a certificate says. */
export interface LeafOptions {
  /** Names, and IPv4 addresses; by default 127.0.0.1. */
  readonly names?: readonly string[]
  /** Instants in `YYYYMMDDhhmmssZ`. */
  readonly notBefore?: string
  readonly notAfter?: string
  readonly commonName?: string
}

interface Issuer {
  readonly name: readonly number[]
  readonly key: KeyObject
}

const ECDSA_WITH_SHA256 = sequence(oid(1, 2, 840, 10_045, 4, 3, 2))
let serial = 0

/** Makes an authority that nobody trusts who was not told to. */
export function makeAuthority(commonName = 'Authority of the tests'): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name: nameOf(commonName), key: privateKey }
  const certificate = certify({ subject: issuer.name, publicKey, issuer, isAuthority: true })
  return {
    certificate,
    key: pemOf(privateKey),
    issue(options = {}) {
      const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const subject = nameOf(options.commonName ?? 'Receiver of the tests')
      const made = certify({ subject, publicKey: leaf.publicKey, issuer, isAuthority: false, ...options })
      return { certificate: made, key: pemOf(leaf.privateKey) }
    },
  }
}

/** Makes a certificate that only it itself vouches for. */
export function selfSigned(options: LeafOptions = {}): Certified {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name: nameOf('Receiver of the tests'), key: privateKey }
  const certificate = certify({ subject: issuer.name, publicKey, issuer, isAuthority: false, ...options })
  return { certificate, key: pemOf(privateKey) }
}

function certify({
  subject,
  publicKey,
  issuer,
  isAuthority,
  names = ['127.0.0.1'],
  notBefore = '20250101000000Z',
  notAfter = '20990101000000Z',
}: LeafOptions & {
  readonly subject: readonly number[]
  readonly publicKey: KeyObject
  readonly issuer: Issuer
  readonly isAuthority: boolean
}): string {
  const basicConstraints = extension(oid(2, 5, 29, 19), sequence(isAuthority ? der(0x01, [0xff]) : []), true)
  const alternativeNames = extension(oid(2, 5, 29, 17), sequence(...names.map(alternativeName)))
  const toBeSigned = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [1, ++serial]),
    ECDSA_WITH_SHA256,
    issuer.name,
    sequence(instant(notBefore), instant(notAfter)),
    subject,
    [...publicKey.export({ type: 'spki', format: 'der' })],
    der(0xa3, sequence(basicConstraints, ...(isAuthority ? [] : [alternativeNames]))),
  )
  const signature = sign('sha256', Buffer.from(toBeSigned), issuer.key)
  const bytes = sequence(toBeSigned, ECDSA_WITH_SHA256, der(0x03, [0, ...signature]))
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(/.{1,64}/g)!
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' })
}

function nameOf(commonName: string): number[] {
  return sequence(der(0x31, sequence(oid(2, 5, 4, 3), der(0x0c, [...Buffer.from(commonName)]))))
}

/** A name is an IA5String under the tag 2, an address its bytes under the tag 7. */
function alternativeName(name: string): number[] {
  return /^[\d.]+$/.test(name) ? der(0x87, name.split('.').map(Number)) : der(0x82, [...Buffer.from(name)])
}

function extension(id: number[], content: number[], isCritical = false): number[] {
  return sequence(id, ...(isCritical ? [der(0x01, [0xff])] : []), der(0x04, content))
}

/** UTCTime until 2049, GeneralizedTime from 2050 on. */
function instant(text: string): number[] {
  return text < '2050' ? der(0x17, [...Buffer.from(text.slice(2))]) : der(0x18, [...Buffer.from(text)])
}

function oid(first: number, second: number, ...rest: readonly number[]): number[] {
  const base128 = (arc: number): number[] =>
    arc < 0x80 ? [arc] : [...base128(Math.floor(arc / 0x80)).map((byte) => byte | 0x80), arc % 0x80]
  return der(0x06, [first * 40 + second, ...rest.flatMap(base128)])
}

function sequence(...parts: readonly (readonly number[])[]): number[] {
  return der(0x30, parts.flat())
}

function der(tag: number, content: readonly number[]): number[] {
  const { length } = content
  if (length < 0x80) return [tag, length, ...content]
  if (length < 0x100) return [tag, 0x81, length, ...content]
  return [tag, 0x82, length >> 8, length & 0xff, ...content]
}
