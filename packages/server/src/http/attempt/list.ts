/** Lists of attempts, as every route that has one writes them. @module */

import type { Static } from 'typebox'

import type { Attempt } from '../../domain/attempt.ts'
import type { AttemptFilter } from '../../storage/port/attempts.ts'
import type { PageRequest } from '../../storage/port/page.ts'
import type { Store } from '../../storage/store.ts'
import { statusOf } from '../delivery-status.ts'
import { writeJson } from '../json-body.ts'
import { messageFilter } from '../message/routes.ts'
import { writeMessage } from '../message/schemas.ts'
import { type ListReply, pageOf, showPage, writePage } from '../pagination.ts'
import { type AttemptQuery, showAttempt } from './schemas.ts'

/**
 * Returns a page of attempts as JSON.
 *
 * @param ownerId - The application that they are of, or the organisation for its operational webhooks.
 * @param list - Asks the store for them.
 */
export async function listAttempts(
  store: Store,
  ownerId: string,
  query: Static<typeof AttemptQuery>,
  list: (page: PageRequest, filter: AttemptFilter) => Promise<Attempt[]>,
): Promise<string> {
  const { endpoint_id: idOrUid } = query
  const filter: AttemptFilter = {
    ...messageFilter(query),
    statusCodeClass: query.status_code_class,
    // A filter takes an id or a uid, as every path does; one that is unknown matches nothing.
    endpointId:
      idOrUid === undefined ? undefined : ((await store.findEndpoint(ownerId, idOrUid))?.id ?? idOrUid),
  }
  // An attempt is over when it is listed: it succeeded or it failed.
  const status = query.status === undefined ? undefined : statusOf(query.status)
  const isOver = status === undefined || status === 'success' || status === 'fail'
  const isSuccess = status === undefined ? undefined : status === 'success'
  const page = await pageOf(
    query,
    'descending',
    async (request) => (isOver ? list(request, { ...filter, isSuccess }) : []),
    ({ id }) => id,
  )
  return writeAttempts(store, ownerId, page, query)
}

async function writeAttempts(
  store: Store,
  ownerId: string,
  page: ListReply<Attempt>,
  query: Static<typeof AttemptQuery>,
): Promise<string> {
  const withContent = query.with_content !== 'false'
  if (query.with_msg !== 'true') {
    return JSON.stringify(showPage(page, (attempt) => showAttempt(attempt, withContent)))
  }
  const ids = [...new Set(page.data.map(({ messageId }) => messageId))]
  const messages = await Promise.all(ids.map((id) => store.findMessage(ownerId, id)))
  const texts = new Map(
    ids.map((id, i) => [id, messages[i] ? writeMessage(messages[i], withContent) : 'null']),
  )
  return writePage(page, (attempt) =>
    writeJson(showAttempt(attempt, withContent), { msg: texts.get(attempt.messageId)! }),
  )
}
