/** Headers that an endpoint gets with each delivery: which may be set, and which are never shown. @module */

/** Headers of an endpoint by name. Of names that differ only in case there is one. */
export type EndpointHeaders = Readonly<Record<string, string>>

/** Limits of the headers of one endpoint. Most servers refuse more than 8 KiB of headers altogether. */
const MAX_HEADERS = 50
const MAX_NAME_LENGTH = 256
const MAX_BYTES = 4_096

/** Set by us on each request, or about the connection and not the message. */
const RESERVED = new Set([
  'accept',
  'accept-encoding',
  'ce-id',
  'ce-source',
  'ce-specversion',
  'ce-time',
  'ce-type',
  'connection',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'signature',
  'signature-input',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])
const RESERVED_PREFIXES = ['proxy-', 'svix-', 'webhook-']

/** Source: RFC 9110, section 5.6.2: a token. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Printable ASCII: no line can be ended, and nothing be read in two ways. A space at either end would be cut off. */
const VALUE = /^(?! )[\x20-\x7e]*(?<! )$/

/** What is wrong with a set of headers, and with which of them; `null` for all together. */
export interface HeaderFault {
  readonly name: string | null
  readonly msg: string
}

/** Returns the first fault of the headers, or `null`. */
export function faultOfHeaders(headers: EndpointHeaders): HeaderFault | null {
  const names = Object.keys(headers)
  if (names.length > MAX_HEADERS) {
    return { name: null, msg: `has ${names.length} headers; at most ${MAX_HEADERS} are allowed` }
  }
  const seen = new Set<string>()
  let bytes = 0
  for (const name of names) {
    const lower = name.toLowerCase()
    const msg = seen.has(lower) ? 'is given twice, in another case' : faultOfHeader(name, headers[name]!)
    if (msg !== null) return { name, msg }
    seen.add(lower)
    bytes += name.length + headers[name]!.length
  }
  if (bytes <= MAX_BYTES) return null
  return { name: null, msg: `has ${bytes} bytes of names and values; at most ${MAX_BYTES} are allowed` }
}

function faultOfHeader(name: string, value: string): string | null {
  if (!NAME.test(name)) return 'is not a header name'
  if (name.length > MAX_NAME_LENGTH) return `has a name of more than ${MAX_NAME_LENGTH} characters`
  const lower = name.toLowerCase()
  if (RESERVED.has(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
    return 'is set by the server and cannot be chosen'
  }
  if (!VALUE.test(value)) return 'must have a value of printable ASCII, without a space at either end'
  return null
}

/** Returns the headers with some set and some removed, whatever the case of their names. */
export function mergeHeaders(
  headers: EndpointHeaders,
  changes: { readonly set: EndpointHeaders; readonly remove: readonly string[] },
): EndpointHeaders {
  const gone = new Set([...Object.keys(changes.set), ...changes.remove].map((name) => name.toLowerCase()))
  const kept = Object.entries(headers).filter(([name]) => !gone.has(name.toLowerCase()))
  return Object.fromEntries([...kept, ...Object.entries(changes.set)])
}

/** Words in a name which tell that its value is a secret. */
const SECRET_WORDS = new Set([
  'apikey',
  'auth',
  'authentication',
  'authorization',
  'cookie',
  'credential',
  'credentials',
  'jwt',
  'key',
  'pass',
  'passwd',
  'password',
  'secret',
  'session',
  'signature',
  'token',
])

/** Tells whether a header's value is to be shown to nobody, which its name decides. */
export function isSensitive(name: string): boolean {
  const lower = name.toLowerCase()
  return (
    lower.split(/[^a-z0-9]+/).some((word) => SECRET_WORDS.has(word)) ||
    /(token|secret|key|password)s?$/.test(lower)
  )
}
