/** The route that lists the audit log. @module */

import { Type } from 'typebox'

import type { Api } from '../api.ts'
import type { HttpDeps } from '../deps.ts'
import { ListOf, PageQuery, pageOf, showPage } from '../pagination.ts'
import { AuditEntryOut, showAuditEntry } from './schemas.ts'

const ListQuery = Type.Object({
  ...PageQuery.properties,
  app_id: Type.Optional(Type.String({ description: 'Only what was about this application, by id or uid' })),
})

/** Adds the route of the audit log. */
export function auditRoutes(api: Api, deps: HttpDeps): void {
  api.get(
    '/audit-log',
    {
      schema: {
        operationId: 'v1.audit-log.list',
        summary: 'List what was written, by whom and when',
        tags: ['Audit log'],
        querystring: ListQuery,
        response: { 200: ListOf(AuditEntryOut) },
      },
    },
    async ({ principal: { organisationId }, query }) => {
      const { app_id: idOrUid } = query
      // An application that is gone is still known by its id.
      const applicationId =
        idOrUid === undefined ? null : ((await deps.findApplication(organisationId, idOrUid))?.id ?? idOrUid)
      const page = await pageOf(
        query,
        'descending',
        (request) => deps.store.listAudit(organisationId, applicationId, request),
        ({ id }) => id,
      )
      return showPage(page, showAuditEntry)
    },
  )
}
