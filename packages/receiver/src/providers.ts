/** The signature schemes of providers, and the way to declare another. @module */

export { adyen } from './providers/adyen.ts'
export { bitbucket, jira } from './providers/atlassian.ts'
export type { CertificateOptions } from './providers/certificate-store.ts'
export { hubspot, intercom, segment, zendesk } from './providers/customer-relations.ts'
export { circleci, linear, mux, pagerduty, vercel } from './providers/developer-tools.ts'
export { discord, type DiscordOptions } from './providers/discord.ts'
export { calendly, docusign, dropbox, notion, notionSetup, typeform } from './providers/documents.ts'
export type { EventFields, FieldSource } from './providers/fields.ts'
export { github } from './providers/github.ts'
export { gitlab, gitlabToken } from './providers/gitlab.ts'
export {
  hmacScheme,
  type HmacDescription,
  type SignedParts,
  type TimedSecretOptions,
} from './providers/hmac-scheme.ts'
export { auth0, okta, workos } from './providers/identity.ts'
export { line } from './providers/line.ts'
export { mailgun } from './providers/mailgun.ts'
export { meta, type MetaOptions } from './providers/meta.ts'
export { paddle, razorpay, square, stripe } from './providers/payments.ts'
export { paypal, type PayPalOptions } from './providers/paypal.ts'
export { posthorn } from './providers/posthorn.ts'
export type { PublicUrlOptions } from './providers/public-url.ts'
export { sendgrid, type SendGridOptions } from './providers/sendgrid.ts'
export type { SecretOptions } from './providers/shared-secret.ts'
export { shopify, wooCommerce } from './providers/shops.ts'
export type { SignatureSource } from './providers/signature-source.ts'
export { slack } from './providers/slack.ts'
export { sns, type SnsOptions } from './providers/sns.ts'
export { clerk, resend, svix } from './providers/svix.ts'
export { telegram } from './providers/telegram.ts'
export type { TimestampSource } from './providers/timestamp-source.ts'
export { tokenScheme, type TokenDescription } from './providers/token-scheme.ts'
export { twilio, type TwilioOptions } from './providers/twilio.ts'
export { webSub, type WebSubOptions } from './providers/web-sub.ts'
export { zoom } from './providers/zoom.ts'
