/**
 * What each vendor's own SDK says of a request, and how it signs where it can. The schemes, secrets and bodies are the
 * rows of the receiver's own suite.
 *
 * @module
 */

import { hmacValidator as HmacValidator } from '@adyen/api-library'
import { verifyWebhook as clerkVerify } from '@clerk/backend/webhooks'
import { Signature as HubSpotSignature } from '@hubspot/api-client/lib/src/utils/signature.js'
import { validateSignature as validateLineSignature } from '@line/bot-sdk'
import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { Mux } from '@mux/mux-node'
import { signWebhookPayload, verifyWebhookSignature } from '@notionhq/client'
import { sign as signGitHub, verify as verifyGitHub } from '@octokit/webhooks-methods'
import { Paddle } from '@paddle/paddle-node-sdk'
import { EventWebhook } from '@sendgrid/eventwebhook'
import { shopifyApi } from '@shopify/shopify-api'
import { nodeAdapterInitialized } from '@shopify/shopify-api/adapters/node'
import { verifySlackRequest } from '@slack/bolt'
import { WorkOS } from '@workos-inc/node'
import { verifyKey } from 'discord-interactions'
import { OpenAI } from 'openai'
import Razorpay from 'razorpay'
import { Resend } from 'resend'
import { WebhooksHelper } from 'square'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Stripe } from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilio from 'twilio'

import type { SignedTestEvent } from '../../receiver/src/testing.ts'
import { PUBLIC_URL, ROWS, type Row } from '../../receiver/test/providers/rows.ts'
import { snsAccepts } from './sns.ts'
import { telegramAccepts } from './telegram.ts'

/** A body and its time, to be signed. */
export interface Event {
  readonly body: Uint8Array<ArrayBuffer>
  readonly timeMs: number
}

/** A vendor's SDK beside our row. */
export interface Vendor {
  readonly sdk: string
  readonly row: Row
  /** What the SDK can be given: bytes, any text, a text that is not empty, or a JSON object alone. */
  readonly takes: 'bytes' | 'text' | 'filled' | 'json'
  /** Whether the SDK refuses a time in the future, which ours always does. */
  readonly refusesFuture?: boolean
  /** Whether it has a tolerance at all. Default: what the row says. */
  readonly refusesPast?: boolean
  /** Tells whether the SDK accepts; what it throws is a refusal. */
  accepts(request: SignedTestEvent, secret: string): unknown
  /** Signs as the SDK does. Returns the headers; the rest is what was given. */
  sign?(event: Event, secret: string): Promise<Record<string, string>> | Record<string, string>
}

const textOf = ({ body }: { readonly body: Uint8Array }) => new TextDecoder().decode(body)
const header = ({ headers }: SignedTestEvent, name: string) => headers[name] ?? ''
const secondsOf = ({ timeMs }: Event) => Math.floor(timeMs / 1_000)

const standard = (
  sdk: string,
  row: string,
  accepts: Vendor['accepts'],
  rest: Partial<Vendor> = {},
): Vendor => ({
  sdk,
  row: rowOf(row),
  takes: 'json',
  refusesFuture: true,
  accepts,
  sign: (event, secret) => {
    const at = new Date(secondsOf(event) * 1_000)
    return {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(secondsOf(event)),
      'webhook-signature': new StandardWebhook(secret).sign('msg_1', at, textOf(event)),
    }
  },
  ...rest,
})

const stripe = new Stripe('sk_test_none')
const resend = new Resend('re_none')
const openai = new OpenAI({ apiKey: 'none' })
const mux = new Mux({ tokenId: 'none', tokenSecret: 'none' })
const workos = new WorkOS('sk_none')
const hmacValidator = new HmacValidator()
const eventWebhook = new EventWebhook()
/** The import of its adapter is what makes it work, and an import that nothing uses is dropped. */
const hasAdapter: boolean = nodeAdapterInitialized
if (!hasAdapter) throw new Error('Shopify’s SDK has no adapter for Node')
const shopify = (apiSecretKey: string) =>
  shopifyApi({
    apiSecretKey,
    apiKey: 'key',
    apiVersion: '2026-07' as never,
    hostName: 'receiver.test',
    isEmbeddedApp: false,
    logger: { log: () => undefined },
  })

/** Shopify's SDK wants all the headers of a webhook, and reads them from Node's request. */
export async function shopifyAccepts(request: SignedTestEvent, secret: string): Promise<boolean> {
  const headers = {
    'x-shopify-topic': 'orders/create',
    'x-shopify-shop-domain': 'shop.myshopify.com',
    'x-shopify-api-version': '2026-07',
    'x-shopify-webhook-id': 'id-1',
    ...request.headers,
  }
  const rawRequest = { method: 'POST', url: '/webhooks', headers }
  const { webhooks } = shopify(secret)
  const { valid } = await webhooks.validate({ rawBody: textOf(request), rawRequest, rawResponse: {} })
  return valid
}

function twilioAccepts(request: SignedTestEvent, secret: string): boolean {
  const form = new URLSearchParams(textOf(request))
  const params = Object.fromEntries([...form.keys()].map((key) => [key, form.getAll(key)]))
  return twilio.validateRequest(secret, header(request, 'x-twilio-signature'), request.url, params)
}

function adyenAccepts(request: SignedTestEvent, secret: string): boolean {
  const { notificationItems } = JSON.parse(textOf(request)) as {
    notificationItems: { NotificationRequestItem: Parameters<typeof hmacValidator.validateHMAC>[0] }[]
  }
  return notificationItems.every(({ NotificationRequestItem: item }) =>
    hmacValidator.validateHMAC(item, secret),
  )
}

const hubspotOptions = (request: SignedTestEvent, secret: string) => ({
  method: request.method,
  signatureVersion: 'v3',
  clientSecret: secret,
  requestBody: textOf(request),
  // The documentation has the receiver undo these escapes; the SDK leaves that to its caller.
  url: request.url.replaceAll('%2F', '/'),
  timestamp: Number(header(request, 'x-hubspot-request-timestamp')),
  signature: header(request, 'x-hubspot-signature-v3'),
})

export const VENDORS: readonly Vendor[] = [
  standard('standardwebhooks', 'standardWebhooks', (request, secret) =>
    new StandardWebhook(secret).verify(textOf(request), request.headers),
  ),
  standard('svix', 'svix', (request, secret) =>
    new SvixWebhook(secret).verify(textOf(request), request.headers),
  ),
  standard('resend', 'resend', (request, secret) =>
    resend.webhooks.verify({
      payload: textOf(request),
      webhookSecret: secret,
      headers: {
        id: header(request, 'webhook-id'),
        timestamp: header(request, 'webhook-timestamp'),
        signature: header(request, 'webhook-signature'),
      },
    }),
  ),
  standard('@clerk/backend', 'clerk', (request, secret) => {
    const headers = Object.entries(request.headers).map(([name, value]) => [
      name.replace('webhook', 'svix'),
      value,
    ])
    const { method, url, body } = request
    const init = { method, body, headers: Object.fromEntries(headers) as Record<string, string> }
    return clerkVerify(new Request(url, init), { signingSecret: secret })
  }),
  standard('openai', 'standardWebhooks', (request, secret) =>
    openai.webhooks.unwrap(textOf(request), request.headers, secret),
  ),
  {
    sdk: '@octokit/webhooks-methods',
    row: rowOf('github'),
    takes: 'filled',
    accepts: (request, secret) =>
      verifyGitHub(secret, textOf(request), header(request, 'x-hub-signature-256')),
    sign: async (event, secret) => ({ 'x-hub-signature-256': await signGitHub(secret, textOf(event)) }),
  },
  {
    sdk: '@linear/sdk',
    row: rowOf('linear'),
    takes: 'bytes',
    refusesFuture: true,
    accepts: (request, secret) =>
      new LinearWebhookClient(secret).verify(Buffer.from(request.body), header(request, 'linear-signature')),
  },
  {
    sdk: 'stripe',
    row: rowOf('stripe'),
    takes: 'text',
    accepts: (request, secret) =>
      stripe.webhooks.signature?.verifyHeader(
        Buffer.from(request.body),
        header(request, 'stripe-signature'),
        secret,
        300,
      ),
    sign: (event, secret) => ({
      'stripe-signature': stripe.webhooks.generateTestHeaderString({
        payload: textOf(event),
        secret,
        timestamp: secondsOf(event),
      }),
    }),
  },
  {
    sdk: '@paddle/paddle-node-sdk',
    row: rowOf('paddle'),
    takes: 'text',
    accepts: (request, secret) =>
      new Paddle('none').webhooks.isSignatureValid(
        textOf(request),
        secret,
        header(request, 'paddle-signature'),
      ),
  },
  {
    sdk: 'square',
    row: rowOf('square'),
    takes: 'text',
    accepts: (request, secret) =>
      WebhooksHelper.verifySignature({
        requestBody: textOf(request),
        signatureHeader: header(request, 'x-square-hmacsha256-signature'),
        signatureKey: secret,
        notificationUrl: request.url,
      }),
  },
  { sdk: '@shopify/shopify-api', row: rowOf('shopify'), takes: 'filled', accepts: shopifyAccepts },
  {
    sdk: '@slack/bolt',
    row: rowOf('slack'),
    takes: 'text',
    accepts: (request, signingSecret) => {
      const headers = {
        'x-slack-signature': header(request, 'x-slack-signature'),
        'x-slack-request-timestamp': Number(header(request, 'x-slack-request-timestamp')),
      }
      verifySlackRequest({ signingSecret, headers, body: textOf(request) })
      return true
    },
  },
  {
    sdk: '@hubspot/api-client',
    row: rowOf('hubspot'),
    takes: 'text',
    accepts: (request, secret) => HubSpotSignature.isValid(hubspotOptions(request, secret)),
    sign: (event, secret) => {
      const timestamp = String(event.timeMs)
      const headers = { 'x-hubspot-request-timestamp': timestamp }
      const request = { method: 'POST', url: PUBLIC_URL, headers, body: event.body }
      const signature = HubSpotSignature.getSignature('POST', 'v3', hubspotOptions(request, secret))
      return { ...headers, 'x-hubspot-signature-v3': signature }
    },
  },
  {
    sdk: '@notionhq/client',
    row: rowOf('notion'),
    takes: 'bytes',
    accepts: ({ body, ...request }, verificationToken) =>
      verifyWebhookSignature({
        body,
        signature: header({ body, ...request }, 'x-notion-signature'),
        verificationToken,
      }),
    sign: async ({ body }, verificationToken) => ({
      'x-notion-signature': await signWebhookPayload({ body, verificationToken }),
    }),
  },
  {
    sdk: 'twilio',
    row: rowOf('twilio'),
    takes: 'text',
    accepts: twilioAccepts,
    sign: (event, secret) => {
      const form = Object.fromEntries(new URLSearchParams(textOf(event)))
      const signature = twilio.getExpectedTwilioSignature(secret, PUBLIC_URL, form)
      return { 'x-twilio-signature': signature }
    },
  },
  { sdk: '@adyen/api-library', row: rowOf('adyen'), takes: 'text', accepts: adyenAccepts },
  {
    sdk: 'discord-interactions',
    row: rowOf('discord'),
    takes: 'bytes',
    accepts: (request, publicKey) =>
      verifyKey(
        request.body,
        header(request, 'x-signature-ed25519'),
        header(request, 'x-signature-timestamp'),
        publicKey,
      ),
  },
  {
    sdk: '@sendgrid/eventwebhook',
    row: rowOf('sendgrid'),
    takes: 'text',
    refusesPast: false,
    accepts: (request, publicKey) =>
      eventWebhook.verifySignature(
        eventWebhook.convertPublicKeyToECDSA(publicKey),
        textOf(request),
        header(request, 'x-twilio-email-event-webhook-signature'),
        header(request, 'x-twilio-email-event-webhook-timestamp'),
      ),
  },
  {
    sdk: '@mux/mux-node',
    row: rowOf('mux'),
    takes: 'text',
    accepts: async (request, secret) => {
      await mux.webhooks.verifySignature(textOf(request), request.headers, secret)
      return true
    },
  },
  {
    sdk: '@workos-inc/node',
    row: rowOf('workos'),
    takes: 'text',
    accepts: (request, secret) =>
      workos.webhooks.verifyHeader({
        payload: textOf(request),
        sigHeader: header(request, 'workos-signature'),
        secret,
      }),
    sign: async (event, secret) => {
      const signature = await workos.webhooks.computeSignature(event.timeMs, textOf(event), secret)
      return { 'workos-signature': `t=${event.timeMs}, v1=${signature}` }
    },
  },
  {
    sdk: '@line/bot-sdk',
    row: rowOf('line'),
    takes: 'bytes',
    accepts: (request, secret) =>
      validateLineSignature(Buffer.from(request.body), secret, header(request, 'x-line-signature')),
  },
  {
    sdk: 'razorpay',
    row: rowOf('razorpay'),
    takes: 'text',
    accepts: (request, secret) =>
      Razorpay.validateWebhookSignature(textOf(request), header(request, 'x-razorpay-signature'), secret),
  },
  { sdk: 'sns-validator', row: rowOf('sns'), takes: 'text', accepts: snsAccepts },
  { sdk: 'grammy', row: rowOf('telegram'), takes: 'json', accepts: telegramAccepts },
]

function rowOf(name: string): Row {
  const row = ROWS.find((candidate) => candidate.name === name)
  if (row === undefined) throw new Error(`there is no row ${name}`)
  return row
}
