/** Verifies webhooks on their raw bytes. @module */

export type { Bytes } from './base64.ts'
export type { RawBody } from './body.ts'
export { generateKeyPair } from './ed25519.ts'
export {
  WebhookError,
  WebhookSecretError,
  WebhookVerificationError,
  type SecretErrorCode,
  type VerificationErrorCode,
} from './error.ts'
export type { HeaderSource } from './headers.ts'
export type { BufferedRequest, FetchRequest, StreamedRequest, WebhookInput } from './input.ts'
export type {
  Handshake,
  ReceivedWebhook,
  Scheme,
  VerifyFailure,
  VerifyResult,
  WebhookEvent,
} from './scheme.ts'
export { generateSecret, parseSecret, type ParsedSecret } from './secret.ts'
export { sign, signHeaders, type SignableMessage, type WebhookHeaders } from './sign.ts'
export { signedPrefix } from './signed-content.ts'
export { standardWebhooks, type StandardWebhooksOptions } from './standard-webhooks.ts'
export { answerHandshake, verify, verifyOrThrow, type VerifyOptions } from './verify.ts'
