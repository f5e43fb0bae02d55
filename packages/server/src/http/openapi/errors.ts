/** The forms of refusals, and which statuses a route may refuse with. @module */

import { Type } from 'typebox'

/** A refusal: a code to act on, and a detail to read. */
export const HttpErrorOut = Type.Object(
  {
    code: Type.String({ description: 'Stable, to act on.' }),
    detail: Type.String({ description: 'In words, to read.' }),
  },
  { $id: 'HttpErrorOut' },
)

const ValidationErrorItem = Type.Object(
  {
    loc: Type.Array(Type.String(), {
      description: 'Where: `body`, `query` or `path`, and the way from there.',
    }),
    msg: Type.String({ description: 'What would be right.' }),
    type: Type.String({ description: 'The rule that is broken.' }),
  },
  { $id: 'ValidationErrorItem' },
)

/** A refusal for what a request says: every fault with its place. */
export const HTTPValidationError = Type.Object(
  { detail: Type.Array(ValidationErrorItem, { description: 'The faults: at least one.' }) },
  { $id: 'HTTPValidationError' },
)

/** What a refusal means, by status. Each has the form {@link HttpErrorOut}, save 422. */
export const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The body is not JSON, or the request is not HTTP',
  401: 'The token is missing, unknown or revoked',
  403: 'The token may not do this',
  404: 'There is no such thing, or it is another’s',
  408: 'The request did not arrive in time',
  409: 'It clashes with what is there already',
  413: 'The body is too large',
  415: 'The body is not declared as JSON',
  422: 'A field breaks its rule; every fault is named with its place',
  429: 'Too many requests; `retry-after` says when to come again',
  500: 'The server failed at this, by a defect of its own',
  503: 'The server is busy or stopping; nothing was kept, and `retry-after` says when to come again',
}

/** Statuses that any request may be refused with, whatever its route. */
const OF_ALL = [429, 500, 503]
const OF_A_CALLER = [401, 403, 404, 409, 422]
const OF_A_BODY = [400, 408, 413, 415, 422]

/** Returns the statuses that a route may refuse with, ascending. */
export function refusalsOf(route: { readonly isPublic: boolean; readonly takesBody: boolean }): number[] {
  const statuses = [...OF_ALL, ...(route.isPublic ? [] : OF_A_CALLER), ...(route.takesBody ? OF_A_BODY : [])]
  return [...new Set(statuses)].toSorted((a, b) => a - b)
}
