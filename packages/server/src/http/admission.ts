/** Lets a request in: who calls, whether the table of permissions lets them, and not too often. @module */

import { PosthornError } from '../domain/errors.ts'
import type { Api } from './api.ts'
import type { Principal } from './authentication.ts'
import type { HttpDeps } from './deps.ts'
import { type Permission, permissionOf, requirePermission } from './permissions.ts'
import { RateLimit } from './rate-limit.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route needs of its caller. Set from the table in `permissions.ts` when the route is added. */
    readonly permission?: Permission
  }
}

/** A route that the table forgot opens to nobody but the organisation. */
const UNLISTED: Permission = { need: 'organisation', isRead: false }

/** Checks every request to a route of the API that is added after this, before its body is read. */
export function admission(api: Api, { authenticator, apiRatePerSecond, clock }: HttpDeps): void {
  const limit = apiRatePerSecond === null ? null : new RateLimit(apiRatePerSecond, clock)

  api.addHook('onRoute', (route) => {
    const path = route.url.slice(route.prefix.length)
    const permission = permissionOf(String(route.method), path) ?? UNLISTED
    route.config = { ...route.config, permission, isPublic: permission.need === 'public' }
  })

  // By callback: a promise for each request would cost it more than the whole of this.
  api.addHook('onRequest', (request, _reply, done) => {
    const permission = request.routeOptions.config.permission ?? UNLISTED
    if (permission.need === 'public') return done()
    const admit = (principal: Principal) => {
      request.principal = principal
      if (limit !== null && !limit.take(principal.key)) {
        throw new PosthornError('too_many_requests', `A token may make ${apiRatePerSecond} calls a second`, {
          hint: 'Send it again after the time in Retry-After',
        })
      }
      requirePermission(principal, permission)
    }
    const found = authenticator.find(request.headers.authorization)
    if (found instanceof Promise) {
      found.then(admit).then(() => done(), done)
      return undefined
    }
    admit(found)
    return done()
  })
}
