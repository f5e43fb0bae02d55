/** The last check of what goes out: headers that would change what a request is. @module */

/**
 * About the connection, or set by the client from what it sends. Whatever lets one through, such as a row that an older
 * version wrote, ends here: two lengths, or a host that is not the URL's, would have two servers read two requests.
 */
const FORBIDDEN = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Source: RFC 9110, section 5.6.2: a token. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** No line end and no other control, save a tab (RFC 9110, section 5.5); nothing that is not one byte. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Returns why these headers may not be sent, or `null`. */
export function faultOfRequestHeaders(headers: Readonly<Record<string, string>>): string | null {
  for (const name in headers) {
    if (FORBIDDEN.has(name.toLowerCase())) return `the header ${name} may not be set`
    if (!NAME.test(name)) return `${JSON.stringify(name)} is not the name of a header`
    if (!VALUE.test(headers[name]!)) return `the header ${name} has a character that may not be in it`
  }
  return null
}
