/**
 * Every provider as a row. A new provider is covered by adding one: the suite checks that none is missing.
 *
 * `sdk` names the npm package, the vendor's own in most cases, that packages/receiver-vendors compares the row with. They
 * are installed for work on the repository alone.
 *
 * @module
 */

import * as fc from 'fast-check'

import { generateSecret, standardWebhooks, type Scheme } from '../../src/index.ts'
import * as providers from '../../src/providers.ts'
import { signTestEvent, type SignedTestEvent } from '../../src/testing.ts'
import { discordKey, paypalKey, sendgridKey, snsKey, TOPIC_ARN, type Signable } from './key-pairs.ts'

/** What `make` is given. */
export interface MakeOptions {
  readonly secrets: string | readonly string[]
  readonly toleranceSeconds?: number
}

/** One provider, as the suite sees it. */
export interface Row {
  readonly name: string
  make(options: MakeOptions): Scheme
  /** A good secret and another one. */
  readonly secrets: readonly [string, string]
  /** Returns a body that this provider might send, around an arbitrary text or bytes. */
  wrap?(payload: Uint8Array, timeMs: number): string | Uint8Array
  /** Signs. Default: `signTestEvent`. */
  sign?(event: Signable): Promise<SignedTestEvent>
  /** The header that has the signature, or the path to it in a JSON body. */
  readonly signature: { readonly header: string } | { readonly path: readonly string[] }
  /** What stands before a signature, if anything does. */
  readonly prefix?: string
  /** What separates several signatures in the header, if it may have several. */
  readonly list?: ',' | ';' | ' '
  /** The default tolerance in seconds, or `null` without one. */
  readonly tolerance: number | null
  /** Whether the signature covers the body, some of its fields, or nothing. */
  readonly covers: 'body' | 'fields' | 'nothing'
  /** Changes something that is signed, where not every byte is. */
  mutate?(body: string): string
  readonly sdk?: string
}

const TEXT = ['it’s a secret', 'another $& secret'] as const
const WHSEC = [generateSecret(), generateSecret()] as const
const HEX = ['ab'.repeat(32), 'cd'.repeat(32)] as const

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const inJson = (extra: (timeMs: number) => object) => (payload: Uint8Array, timeMs: number) =>
  JSON.stringify({ payload: textOf(payload), ...extra(timeMs) })

/** A row of a shared secret in a header, over the whole body. */
const hmac = (name: keyof typeof providers, header: string, rest: Partial<Row> & Pick<Row, 'make'>): Row => ({
  name,
  secrets: TEXT,
  signature: { header },
  tolerance: null,
  covers: 'body',
  ...rest,
})

const token = (name: keyof typeof providers, header: string, make: Row['make'], sdk?: string): Row =>
  hmac(name, header, { make, covers: 'nothing', ...(sdk === undefined ? {} : { sdk }) })

const standard = (name: string, make: Row['make'], sdk?: string): Row => ({
  name,
  make,
  secrets: WHSEC,
  signature: { header: 'webhook-signature' },
  prefix: 'v1,',
  list: ' ',
  tolerance: 300,
  covers: 'body',
  ...(sdk === undefined ? {} : { sdk }),
})

/** The URL that the providers which sign it were given. */
export const PUBLIC_URL = 'https://hooks.example.com/in?a=1&b=%2F$&'
const URL_OPTIONS = { url: PUBLIC_URL }

const discordPair = discordKey()
const sendgridPair = sendgridKey()
const paypalPair = await paypalKey('WH-1')
/** SNS's key, whose certificate another validator needs too. */
export const snsPair = await snsKey()

export const ROWS: readonly Row[] = [
  standard('standardWebhooks', (options) => standardWebhooks(options), 'standardwebhooks'),
  standard('svix', (options) => providers.svix(options), 'svix'),
  standard('clerk', (options) => providers.clerk(options), '@clerk/backend'),
  standard('resend', (options) => providers.resend(options), 'resend'),
  standard('posthorn', (options) => providers.posthorn(options)),
  standard('gitlab', (options) => providers.gitlab(options)),
  hmac('github', 'x-hub-signature-256', {
    make: (options) => providers.github(options),
    prefix: 'sha256=',
    sdk: '@octokit/webhooks-methods',
  }),
  hmac('bitbucket', 'x-hub-signature', {
    make: (options) => providers.bitbucket(options),
    prefix: 'sha256=',
  }),
  hmac('jira', 'x-hub-signature', { make: (options) => providers.jira(options), prefix: 'sha256=' }),
  hmac('circleci', 'circleci-signature', {
    make: (options) => providers.circleci(options),
    prefix: 'v1=',
    list: ',',
  }),
  hmac('linear', 'linear-signature', {
    make: (options) => providers.linear(options),
    wrap: inJson((timeMs) => ({ webhookTimestamp: timeMs })),
    tolerance: 60,
    sdk: '@linear/sdk',
  }),
  hmac('mux', 'mux-signature', {
    make: (options) => providers.mux(options),
    prefix: 'v1=',
    list: ',',
    tolerance: 300,
    sdk: '@mux/mux-node',
  }),
  hmac('workos', 'workos-signature', {
    make: (options) => providers.workos(options),
    prefix: 'v1=',
    list: ',',
    tolerance: 180,
    sdk: '@workos-inc/node',
  }),
  hmac('line', 'x-line-signature', { make: (options) => providers.line(options), sdk: '@line/bot-sdk' }),
  hmac('razorpay', 'x-razorpay-signature', {
    make: (options) => providers.razorpay(options),
    sdk: 'razorpay',
  }),
  hmac('pagerduty', 'x-pagerduty-signature', {
    make: (options) => providers.pagerduty(options),
    prefix: 'v1=',
    list: ',',
  }),
  hmac('vercel', 'x-vercel-signature', { make: (options) => providers.vercel(options) }),
  hmac('stripe', 'stripe-signature', {
    make: (options) => providers.stripe(options),
    prefix: 'v1=',
    list: ',',
    tolerance: 300,
    sdk: 'stripe',
  }),
  hmac('paddle', 'paddle-signature', {
    make: (options) => providers.paddle(options),
    prefix: 'h1=',
    list: ';',
    tolerance: 5,
    sdk: '@paddle/paddle-node-sdk',
  }),
  hmac('square', 'x-square-hmacsha256-signature', {
    make: (options) => providers.square({ ...options, ...URL_OPTIONS }),
    sdk: 'square',
  }),
  hmac('shopify', 'x-shopify-hmac-sha256', {
    make: (options) => providers.shopify(options),
    sdk: '@shopify/shopify-api',
  }),
  hmac('wooCommerce', 'x-wc-webhook-signature', { make: (options) => providers.wooCommerce(options) }),
  hmac('slack', 'x-slack-signature', {
    make: (options) => providers.slack(options),
    prefix: 'v0=',
    tolerance: 300,
    sdk: '@slack/bolt',
  }),
  hmac('zoom', 'x-zm-signature', {
    make: (options) => providers.zoom(options),
    prefix: 'v0=',
    tolerance: 300,
  }),
  hmac('meta', 'x-hub-signature-256', { make: (options) => providers.meta(options), prefix: 'sha256=' }),
  hmac('hubspot', 'x-hubspot-signature-v3', {
    make: (options) => providers.hubspot({ ...options, ...URL_OPTIONS }),
    tolerance: 300,
    sdk: '@hubspot/api-client',
  }),
  hmac('intercom', 'x-hub-signature', {
    make: (options) => providers.intercom(options),
    prefix: 'sha1=',
  }),
  hmac('segment', 'x-signature', { make: (options) => providers.segment(options) }),
  hmac('zendesk', 'x-zendesk-webhook-signature', {
    make: (options) => providers.zendesk(options),
    tolerance: 300,
  }),
  hmac('calendly', 'calendly-webhook-signature', {
    make: (options) => providers.calendly(options),
    prefix: 'v1=',
    list: ',',
    tolerance: 180,
  }),
  hmac('docusign', 'x-docusign-signature-1', { make: (options) => providers.docusign(options) }),
  hmac('dropbox', 'x-dropbox-signature', { make: (options) => providers.dropbox(options) }),
  hmac('notion', 'x-notion-signature', {
    make: (options) => providers.notion(options),
    prefix: 'sha256=',
    sdk: '@notionhq/client',
  }),
  hmac('typeform', 'typeform-signature', {
    make: (options) => providers.typeform(options),
    prefix: 'sha256=',
  }),
  hmac('webSub', 'x-hub-signature', {
    make: (options) => providers.webSub({ ...options, topics: 'https://example.com/feed' }),
    prefix: 'sha256=',
  }),
  token('gitlabToken', 'x-gitlab-token', (options) => providers.gitlabToken(options)),
  token('telegram', 'x-telegram-bot-api-secret-token', (options) => providers.telegram(options), 'grammy'),
  token('okta', 'authorization', (options) => providers.okta(options)),
  token('auth0', 'authorization', (options) => providers.auth0(options)),
  hmac('twilio', 'x-twilio-signature', {
    make: (options) => providers.twilio({ ...options, ...URL_OPTIONS }),
    wrap: (payload) => new URLSearchParams({ Body: textOf(payload), From: '+1' }).toString(),
    covers: 'fields',
    mutate: (body) => `${body}&Extra=1`,
    sdk: 'twilio',
  }),
  hmac('mailgun', '', {
    make: (options) => providers.mailgun(options),
    wrap: inJson(() => ({ 'event-data': { event: 'delivered' } })),
    signature: { path: ['signature', 'signature'] },
    tolerance: 300,
    covers: 'fields',
    mutate: (body) => body.replace('"token":"', () => '"token":"0'),
  }),
  hmac('adyen', '', {
    make: (options) => providers.adyen(options),
    secrets: HEX,
    wrap: (payload) =>
      JSON.stringify({
        live: 'false',
        notificationItems: [
          {
            NotificationRequestItem: {
              pspReference: '7914073381342284',
              merchantReference: textOf(payload),
              amount: { value: 1130, currency: 'EUR' },
              eventCode: 'AUTHORISATION',
              success: 'true',
            },
          },
        ],
      }),
    signature: {
      path: ['notificationItems', '0', 'NotificationRequestItem', 'additionalData', 'hmacSignature'],
    },
    covers: 'fields',
    mutate: (body) => body.replace('1130', '9130'),
    sdk: '@adyen/api-library',
  }),
  hmac('discord', 'x-signature-ed25519', {
    make: ({ secrets, ...rest }) => providers.discord({ publicKeys: secrets, ...rest }),
    secrets: [discordPair.publicKey, discordKey().publicKey],
    sign: (event) => discordPair.sign(event),
    sdk: 'discord-interactions',
  }),
  hmac('sendgrid', 'x-twilio-email-event-webhook-signature', {
    make: ({ secrets, ...rest }) => providers.sendgrid({ publicKeys: secrets, ...rest }),
    secrets: [sendgridPair.publicKey, sendgridKey().publicKey],
    sign: (event) => sendgridPair.sign(event),
    tolerance: 300,
    sdk: '@sendgrid/eventwebhook',
  }),
  hmac('paypal', 'paypal-transmission-sig', {
    make: ({ secrets, ...rest }) =>
      providers.paypal({ webhookIds: secrets, ...rest, fetchCertificate: paypalPair.fetchCertificate }),
    secrets: ['WH-1', 'WH-2'],
    sign: (event) => paypalPair.sign(event),
    tolerance: 300,
  }),
  hmac('sns', '', {
    make: ({ secrets }) => providers.sns({ topicArns: secrets, fetchCertificate: snsPair.fetchCertificate }),
    secrets: [TOPIC_ARN, `${TOPIC_ARN}-2`],
    wrap: (payload) => JSON.stringify({ Type: 'Notification', Message: textOf(payload) }),
    sign: (event) => snsPair.sign(event),
    signature: { path: ['Signature'] },
    covers: 'fields',
    mutate: (body) => body.replace('"Message":"', () => '"Message":"x'),
    sdk: 'sns-validator',
  }),
]

/** Bodies that break templates, decoders and re-serialisation. */
export const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => new TextEncoder().encode(text)),
  fc
    .constantFrom('', "$& $1 $$ $` $'", '{"a": 1.0, "b": 12345678901234567890, "c": "\\u00e9"}', 'é 📯\r\n')
    .map((text) => new TextEncoder().encode(text)),
)

/** Signs `payload` as the row's provider would, at `timeMs`. */
export async function signRow(
  row: Row,
  scheme: Scheme,
  payload: Uint8Array,
  timeMs: number,
): Promise<SignedTestEvent> {
  const wrapped = row.wrap?.(payload, timeMs) ?? payload
  const body = Uint8Array.from(typeof wrapped === 'string' ? Buffer.from(wrapped) : wrapped)
  if (row.sign !== undefined) return row.sign({ body, timeMs })
  return signTestEvent(scheme, { body, id: 'id-1', type: 'type-1', timestamp: new Date(timeMs) })
}

/** Returns the request with another text in the place of its signature. */
export function editSignature(
  { signature }: Row,
  request: SignedTestEvent,
  edit: (text: string) => string | undefined,
): SignedTestEvent {
  if ('header' in signature) {
    const { [signature.header]: text = '', ...headers } = request.headers
    const edited = edit(text)
    return {
      ...request,
      headers: edited === undefined ? headers : { ...headers, [signature.header]: edited },
    }
  }
  const json = JSON.parse(textOf(request.body)) as Record<string, unknown>
  let at: Record<string, unknown> = json
  for (const key of signature.path.slice(0, -1)) at = at[key] as Record<string, unknown>
  const last = signature.path.at(-1)!
  at[last] = edit(String(at[last]))
  return { ...request, body: new TextEncoder().encode(JSON.stringify(json)) }
}
