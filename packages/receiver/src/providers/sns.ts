/** AWS SNS: RSA over named fields of the body, by a certificate that AWS publishes. @module */

import { decodeBase64 } from '../base64.ts'
import { concatBytes } from '../bytes.ts'
import { refuse, type ReceivedWebhook, type Scheme } from '../scheme.ts'
import { parseTimestamp } from '../timestamp.ts'
import { certificateStore, type CertificateOptions } from './certificate-store.ts'
import { acceptWith, jsonText, parseJson } from './fields.ts'
import { withSignedHandshake } from './handshake.ts'
import { refuseAs } from './refusal.ts'

/** Options of `sns`. */
export interface SnsOptions extends CertificateOptions {
  /** The ARNs of your topics. AWS signs for everybody's topics alike: without them, anyone could send. */
  readonly topicArns: string | readonly string[]
  /** The topic's attribute `SignatureVersion`: `1` is SHA-1, `2` is SHA-256. Default `1`, as AWS has it. */
  readonly signatureVersion?: '1' | '2'
}

const DEFAULTS = { signatureVersion: '1' } as const satisfies Partial<SnsOptions>

const HASHES = { 1: 'SHA-1', 2: 'SHA-256' } as const

const NOTIFICATION = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
const CONFIRMATION = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']

const FIELDS = { id: { json: 'MessageId' }, type: { json: 'Type' } } as const
const ARN = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]+):\d{12}:[\w.-]+$/

/**
 * Verifies the notifications of your SNS topics; not those with raw message delivery, which have no
 * signature. `MessageAttributes` and `UnsubscribeURL` are not signed. The time is that of publishing, and
 * retries go on for days: it has no tolerance, so deduplicate.
 *
 * Its handshake answers a verified SubscriptionConfirmation with `confirmUrl`: fetch that to subscribe.
 *
 * Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
 *
 * @throws {RangeError} There is no topic ARN, or one is malformed.
 */
export function sns(options: SnsOptions): Scheme {
  const topicArns = [options.topicArns].flat()
  if (topicArns.length === 0) throw new RangeError('bad topicArns: one ARN at least')
  // The configured topics alone decide which hosts are asked for a certificate.
  const hosts = new Set(topicArns.map(hostOf))
  const version = options.signatureVersion ?? DEFAULTS.signatureVersion
  const certificates = certificateStore(
    (url) =>
      isAt(hosts, url) && /^\/SimpleNotificationService-[0-9a-zA-Z]+\.pem$/.test(new URL(url).pathname),
    options,
  )

  const scheme: Scheme = {
    async verify(webhook: ReceivedWebhook, nowMs: number) {
      const body = concatBytes([webhook.body])
      const json = parseJson(body)
      const field = (name: string) => jsonText(json, name)
      const [type, signatureText, certificateUrl, timestamp, topicArn] = [
        field('Type'),
        field('Signature'),
        field('SigningCertURL'),
        field('Timestamp'),
        field('TopicArn'),
      ]
      if (signatureText === null || certificateUrl === null) {
        return refuse(
          'missing_signature',
          'The body has no Signature or SigningCertURL: raw message delivery?',
        )
      }
      if (type === null || topicArn === null) return refuseAs('malformed_body')
      if (!topicArns.includes(topicArn)) return refuseAs('unexpected_source')
      if (field('SignatureVersion') !== version) return refuseAs('unknown_algorithm')
      const timeMs = parseTimestamp(timestamp ?? '', 'iso')
      if (timeMs === null) return refuse('malformed_timestamp', 'The Timestamp of the body is no ISO time.')
      const signature = decodeBase64(signatureText)
      if (signature === null || signature.length < 256) {
        return refuse(
          'malformed_signature',
          'The signature is base64 of 256 bytes or more, and this one is not.',
        )
      }
      const key = await certificates.keyAt(certificateUrl, HASHES[version], nowMs)
      if (typeof key === 'string') return refuseAs(key)

      const names = type === 'Notification' ? NOTIFICATION : CONFIRMATION
      const content = concatBytes(
        names.flatMap((name) => {
          const value = stringAt(json, name)
          return value === null ? [] : [`${name}\n${value}\n`]
        }),
      )
      return (await crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, signature, content))
        ? acceptWith(FIELDS, webhook, new Date(timeMs), body)
        : refuse('signature_mismatch', 'The signature is not of these fields: the body was changed.')
    },
  }

  return withSignedHandshake(
    scheme,
    (json) => jsonText(json, 'Type') === 'SubscriptionConfirmation',
    (json) => {
      const confirmUrl = jsonText(json, 'SubscribeURL')
      if (confirmUrl === null || !isAt(hosts, confirmUrl)) return refuseAs('unexpected_source')
      return { ok: true, response: { status: 200, headers: {}, body: null }, confirmUrl }
    },
  )
}

function hostOf(arn: string): string {
  const [, partition, region] = ARN.exec(arn) ?? []
  if (region === undefined) throw new RangeError(`bad topicArn ${arn}: arn:aws:sns:<region>:<account>:<name>`)
  return `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`
}

function isAt(hosts: ReadonlySet<string>, url: string): boolean {
  if (!URL.canParse(url)) return false
  const { origin, host, username, password } = new URL(url)
  return origin === `https://${host}` && hosts.has(host) && username === '' && password === ''
}

/** A Subject that is `null` is left out of what is signed; one that is empty is not. */
function stringAt(json: unknown, name: string): string | null {
  const value = (json as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : null
}
