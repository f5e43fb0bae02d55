/** What the providers that sign with a private key send, signed by keys of the test. @module */

import { sign as signNode, generateKeyPairSync } from 'node:crypto'
import { crc32 } from 'node:zlib'

import type { SignedTestEvent } from '../../src/testing.ts'
import { makeCertificate } from './certificate.ts'

/** What a row signs: a body, and the time in epoch milliseconds. */
export interface Signable {
  readonly body: Uint8Array<ArrayBuffer>
  readonly timeMs: number
}

const request = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>): SignedTestEvent => ({
  method: 'POST',
  url: 'https://receiver.test/webhooks',
  headers,
  body,
})

/** Discord's key pair. */
export function discordKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  return {
    publicKey: Buffer.from(x, 'base64url').toString('hex'),
    async sign({ body, timeMs }: Signable) {
      const timestamp = String(Math.floor(timeMs / 1_000))
      const signature = signNode(null, Buffer.concat([Buffer.from(timestamp), body]), privateKey)
      return request(body, {
        'x-signature-ed25519': signature.toString('hex'),
        'x-signature-timestamp': timestamp,
      })
    },
  }
}

/** SendGrid's key pair. */
export function sendgridKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    async sign({ body, timeMs }: Signable) {
      const timestamp = String(Math.floor(timeMs / 1_000))
      const signature = signNode('sha256', Buffer.concat([Buffer.from(timestamp), body]), privateKey)
      return request(body, {
        'x-twilio-email-event-webhook-signature': signature.toString('base64'),
        'x-twilio-email-event-webhook-timestamp': timestamp,
      })
    },
  }
}

/** PayPal's certificate, and where it is. */
export async function paypalKey(webhookId: string) {
  const { pem, privateKey } = await makeCertificate()
  return {
    fetchCertificate: async () => pem,
    async sign({ body, timeMs }: Signable) {
      const time = new Date(timeMs).toISOString()
      const content = Buffer.from(`transmission-1|${time}|${webhookId}|${crc32(body)}`)
      const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, content)
      return request(body, {
        'paypal-transmission-id': 'transmission-1',
        'paypal-transmission-time': time,
        'paypal-transmission-sig': Buffer.from(signature).toString('base64'),
        'paypal-cert-url': 'https://api.paypal.com/v1/notifications/certs/CERT-1',
        'paypal-auth-algo': 'SHA256withRSA',
      })
    },
  }
}

export const TOPIC_ARN = 'arn:aws:sns:eu-west-1:123456789012:orders'

/** SNS's certificate. A body that is a JSON object with a `Type` is completed and signed. */
export async function snsKey(version: '1' | '2' = '1') {
  const { pem, privateKey } = await makeCertificate({ hash: version === '1' ? 'SHA-1' : 'SHA-256' })
  return {
    fetchCertificate: async () => pem,
    async sign({ body, timeMs }: Signable) {
      const message: Record<string, unknown> = {
        MessageId: 'message-1',
        TopicArn: TOPIC_ARN,
        Timestamp: new Date(timeMs).toISOString(),
        SignatureVersion: version,
        SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc123.pem',
        ...(JSON.parse(Buffer.from(body).toString()) as object),
      }
      const names =
        message['Type'] === 'Notification'
          ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
          : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
      const content = names
        .filter((name) => typeof message[name] === 'string')
        .map((name) => `${name}\n${String(message[name])}\n`)
        .join('')
      const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, Buffer.from(content))
      message['Signature'] = Buffer.from(signature).toString('base64')
      return request(new TextEncoder().encode(JSON.stringify(message)), { 'content-type': 'text/plain' })
    },
  }
}
