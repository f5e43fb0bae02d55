/** Lists of host names that the operator allows or denies. @module */

/** Hosts by name, or by everything below a name. */
export interface HostList {
  /** @param host - As {@link plainHost} returns it. */
  contains(host: string): boolean
}

/**
 * Reads a list of hosts, such as `hooks.example.com, *.internal.example`; `null` where it is none.
 *
 * A name stands for itself; `*.` in front of it for every name below it, at any depth, and not for the name itself. Names
 * are compared after the URL parser has normalised them, so that case, other alphabets and the forms of an address do not
 * matter.
 */
export function parseHostList(text: string): HostList | null {
  const names = new Set<string>()
  const suffixes: string[] = []
  for (const pattern of text.split(',').map((part) => part.trim())) {
    const isBelow = pattern.startsWith('*.')
    const host = hostOf(isBelow ? pattern.slice(2) : pattern)
    if (host === null) return null
    if (isBelow) suffixes.push(`.${host}`)
    else names.add(host)
  }
  return {
    contains: (host) => names.has(host) || suffixes.some((suffix) => host.endsWith(suffix)),
  }
}

/** Returns a URL's host name without the brackets of IPv6 and without a trailing dot, which resolvers ignore. */
export function plainHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}

function hostOf(name: string): string | null {
  // What has a port, a path, a user or another star is no name, though a URL could be made of it.
  if (name === '' || /[/\\?#@*\s]/.test(name) || /:\d*$/.test(name.replace(/^\[.*\]/, ''))) return null
  const host = URL.parse(`https://${name}/`)?.hostname ?? ''
  return plainHost(host) === '' ? null : plainHost(host)
}
