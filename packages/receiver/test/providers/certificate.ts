/** Certificates that tests make: DER by hand, with a key of Web Crypto. @module */

const SHA256_RSA = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]

/** A key pair and its certificate. */
export interface TestCertificate {
  readonly pem: string
  readonly privateKey: CryptoKey
}

/** Makes a certificate that is valid from `notBefore` to `notAfter` (`YYMMDD`), signed by nobody. */
export async function makeCertificate(
  options: { notBefore?: string; notAfter?: string; bits?: number; hash?: 'SHA-1' | 'SHA-256' } = {},
): Promise<TestCertificate> {
  const { notBefore = '250101', notAfter = '490101', bits = 2_048, hash = 'SHA-256' } = options
  const pair = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: bits, publicExponent: Uint8Array.of(1, 0, 1), hash },
    true,
    ['sign', 'verify'],
  )
  const spki = [...new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))]
  const algorithm = der(0x30, [...SHA256_RSA, 0x05, 0x00])
  const time = (day: string) => der(0x17, [...Buffer.from(`${day}000000Z`)])
  const tbs = der(0x30, [
    ...der(0xa0, der(0x02, [2])),
    ...der(0x02, [1]),
    ...algorithm,
    ...der(0x30, []),
    ...der(0x30, [...time(notBefore), ...time(notAfter)]),
    ...der(0x30, []),
    ...spki,
  ])
  const certificate = der(0x30, [...tbs, ...algorithm, ...der(0x03, [0, 1])])
  const lines = Buffer.from(certificate)
    .toString('base64')
    .match(/.{1,64}/g)!
  return {
    pem: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    privateKey: pair.privateKey,
  }
}

function der(tag: number, content: readonly number[]): number[] {
  const { length } = content
  if (length < 0x80) return [tag, length, ...content]
  if (length < 0x100) return [tag, 0x81, length, ...content]
  return [tag, 0x82, length >> 8, length & 0xff, ...content]
}
