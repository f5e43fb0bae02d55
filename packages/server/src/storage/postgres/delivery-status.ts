/** How a delivery's status is stored: by the same numbers as in the embedded database. @module */

/** Stored statuses; the numbers are those of the API. */
export const SUCCESS = 0
export const PENDING = 1
export const FAIL = 2
export const CANCELED = 4

/** Stored priorities: the places in `PRIORITIES`. */
export const RETRY = 1
export const REPLAY = 2

/**
 * Cancels what has nothing left to send. A delivery that waits to be sent once more by hand goes back to what it was, if
 * that was settled.
 */
export const CANCEL_EXPUNGED = `status = CASE WHEN coalesce(resumes_as, ${PENDING}) = ${PENDING} THEN ${CANCELED}
    ELSE resumes_as END, due_at = NULL, resumes_as = NULL, resumes_at = NULL`
