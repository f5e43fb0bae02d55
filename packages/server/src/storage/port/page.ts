/** How lists are read: a page at a time. @module */

/** The part of a list that is wanted: at most `limit` items strictly beyond the id `after`, in `order`. */
export interface PageRequest {
  readonly limit: number
  readonly order: 'ascending' | 'descending'
  readonly after: string | null
}
