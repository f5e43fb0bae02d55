/** Tells what an application has before Posthorn's own paths. @module */

/** A path that was taken apart. */
export interface SplitPath {
  /** Posthorn's own, with its query: `/api/v1/app?limit=1`. */
  readonly own: string
  /** What stood before it, as the caller wrote it: `/webhooks`, or empty. */
  readonly mounted: string
}

/**
 * Takes a mount path off a path. It is counted by its parts and not compared, so that `/:tenant/webhooks` is one too.
 *
 * @param url - Path and query.
 * @param mountPath - Where Posthorn is mounted; empty for the root.
 */
export function splitPath(url: string, mountPath: string): SplitPath {
  const [path] = url.split('?', 1) as [string]
  const count = mountPath.split('/').filter(Boolean).length
  const mounted = path
    .split('/')
    .slice(0, count + 1)
    .join('/')
  const own = url.slice(mounted.length)
  return { mounted, own: own.startsWith('/') ? own : `/${own}` }
}
