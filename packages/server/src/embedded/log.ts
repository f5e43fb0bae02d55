/** The log of a Posthorn in another application's process. @module */

import type { FastifyBaseLogger } from 'fastify'

type LogMethod = (fields: object, text?: string) => void

/** Takes what is logged. A pino logger fits. */
export interface PosthornLog {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
}

const SILENT: PosthornLog = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Returns a log as the parts want it, or a silent one. Silence is no pino: that would open standard output, and wait for
 * the end of the process.
 */
export function embeddedLog(given: PosthornLog = SILENT): FastifyBaseLogger {
  const to =
    (method: keyof PosthornLog): LogMethod =>
    (fields, text) =>
      given[method](fields, text)
  const log: FastifyBaseLogger = {
    level: 'info',
    fatal: to('error'),
    error: to('error'),
    warn: to('warn'),
    info: to('info'),
    debug: to('debug'),
    trace: to('debug'),
    silent() {},
    child: () => log,
  }
  return log
}
