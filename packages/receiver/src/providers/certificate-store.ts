/** Certificates that requests point to: fetched from pinned places, kept, and bounded. @module */

import { readCertificate, type Certificate } from './x509.ts'

/** Options of schemes that verify by certificate. */
export interface CertificateOptions {
  /**
   * Returns the PEM text at `url`, which is always at the provider's pinned host. Default: `fetch` without
   * redirects, 5 s and 64 kB at most.
   */
  readonly fetchCertificate?: (url: string) => Promise<string>
}

/** Keys by the URL of their certificate. */
export interface CertificateStore {
  /** Returns the RSA key at `url`, or why there is none. */
  keyAt(
    url: string,
    hash: 'SHA-1' | 'SHA-256',
    nowMs: number,
  ): Promise<CryptoKey | 'certificate_refused' | 'certificate_unavailable'>
}

interface Entry {
  readonly certificate: Promise<Certificate | 'certificate_refused' | 'certificate_unavailable'>
  readonly fetchedAtMs: number
  isGood: boolean
}

/** A provider has one or two at a time. */
const MAX_GOOD = 16
/** How many URLs that did not work are remembered, and for how long: each is a fetch that a stranger asked for. */
const MAX_BAD = 32
const BAD_MS = 60_000
const GOOD_MS = 86_400_000
const FETCH_TIMEOUT_MS = 5_000
const MAX_PEM_BYTES = 65_536
const MIN_RSA_BITS = 2_048

/**
 * Makes a store of its own cache.
 *
 * @param isPinned - Tells whether a URL is at the provider. Decides before anything is fetched.
 */
export function certificateStore(
  isPinned: (url: string) => boolean,
  options: CertificateOptions,
): CertificateStore {
  const fetchCertificate = options.fetchCertificate ?? fetchPem
  const entries = new Map<string, Entry>()

  function entryAt(url: string, nowMs: number): Entry | 'certificate_unavailable' {
    const isStale = ({ fetchedAtMs, isGood }: Entry) =>
      Math.abs(nowMs - fetchedAtMs) > (isGood ? GOOD_MS : BAD_MS)
    const known = entries.get(url)
    if (known !== undefined && !isStale(known)) return known
    for (const [key, entry] of entries) if (!entry.isGood && isStale(entry)) entries.delete(key)
    // URLs that a stranger made up neither displace one that worked, nor keep it from being fetched again.
    const good = [...entries.values()].filter((entry) => entry.isGood).length
    const hasRoom = good < MAX_GOOD && entries.size - good < MAX_BAD
    if (known?.isGood !== true && !hasRoom) return 'certificate_unavailable'
    const entry: Entry = { certificate: load(url), fetchedAtMs: nowMs, isGood: false }
    entries.set(url, entry)
    return entry
  }

  async function load(url: string): Promise<Awaited<Entry['certificate']>> {
    try {
      return readCertificate(await fetchCertificate(url)) ?? 'certificate_refused'
    } catch {
      return 'certificate_unavailable'
    }
  }

  return {
    async keyAt(url, hash, nowMs) {
      if (!isPinned(url)) return 'certificate_refused'
      const entry = entryAt(url, nowMs)
      if (entry === 'certificate_unavailable') return entry
      const certificate = await entry.certificate
      if (typeof certificate === 'string') return certificate
      if (nowMs < certificate.notBeforeMs || nowMs > certificate.notAfterMs) return 'certificate_refused'
      const key = await importRsaKey(certificate, hash)
      if (key === null) return 'certificate_refused'
      entry.isGood = true
      return key
    },
  }
}

async function importRsaKey({ spki }: Certificate, hash: 'SHA-1' | 'SHA-256'): Promise<CryptoKey | null> {
  try {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash }
    const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify'])
    return (key.algorithm as unknown as { readonly modulusLength: number }).modulusLength < MIN_RSA_BITS
      ? null
      : key
  } catch {
    return null
  }
}

async function fetchPem(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  let [text, length] = ['', 0]
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    length += value.length
    if (length > MAX_PEM_BYTES) {
      await reader.cancel()
      throw new Error('longer than a certificate')
    }
    text += decoder.decode(value, { stream: true })
  }
}
