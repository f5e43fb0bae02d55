/** Posthorn in another application's process: `import { createPosthorn } from 'posthorn'`. @module */

export { PosthornError, ValidationError } from './domain/errors.ts'
export type { ErrorCode, ValidationFault } from './domain/errors.ts'
export { createPosthorn } from './embedded/posthorn.ts'
export type { NodeHandler, Posthorn, TokenRequest } from './embedded/posthorn.ts'
export type { PosthornLog } from './embedded/log.ts'
export type { PosthornOptions } from './embedded/options.ts'
export type { OutgoingMessage, SentMessage } from './http/message/in-process.ts'
