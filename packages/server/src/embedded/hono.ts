/** Posthorn in Hono. @module */

/** The part of a Hono context that is used. */
export interface HonoContext {
  readonly req: {
    readonly raw: Request
    /** The route's own path: `/webhooks/*`. */
    readonly routePath: string
    /** What Hono has read of the body, and keeps. */
    readonly bodyCache: { readonly text?: unknown; readonly arrayBuffer?: unknown }
  }
}

/** Returns where the handler is mounted: the path of its route up to the wildcard. */
export function honoMountPath({ req }: HonoContext): string {
  return req.routePath.replace(/\/?\*.*$/, '')
}

/** Returns the bytes of a body that a middleware has read before, where Hono kept them. */
export async function honoBody({ req: { raw, bodyCache } }: HonoContext): Promise<Uint8Array | undefined> {
  if (!raw.bodyUsed) return undefined
  const bytes = await bodyCache.arrayBuffer
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes)
  const text = await bodyCache.text
  return typeof text === 'string' ? new TextEncoder().encode(text) : undefined
}
