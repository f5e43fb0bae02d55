/** A receiver in AWS Lambda, behind API Gateway (REST and HTTP APIs) or a function URL. @module */

import { decodeBase64, encodeBase64 } from '../base64.ts'
import type { RawBody } from '../body.ts'
import { concatBytes } from '../bytes.ts'
import type { Receiver } from '../handle/receiver.ts'

type TextRecord = Readonly<Record<string, string | undefined>>

/** An event of payload format 1.0: API Gateway's REST APIs, and load balancers. */
export interface LambdaEventV1 {
  readonly httpMethod: string
  readonly path: string
  readonly headers?: TextRecord | null
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>> | null
  readonly multiValueQueryStringParameters?: Readonly<Record<string, readonly string[] | undefined>> | null
  readonly queryStringParameters?: TextRecord | null
  readonly requestContext?: {
    /** Of a load balancer alone. */
    readonly elb?: unknown
    readonly path?: string
    readonly identity?: { readonly sourceIp?: string | null }
  }
  readonly body?: string | null
  readonly isBase64Encoded?: boolean
}

/** An event of payload format 2.0: API Gateway's HTTP APIs, and function URLs. */
export interface LambdaEventV2 {
  readonly version: string
  readonly rawPath: string
  readonly rawQueryString?: string
  readonly headers?: TextRecord | null
  readonly requestContext: { readonly http: { readonly method: string; readonly sourceIp?: string } }
  readonly body?: string | null
  readonly isBase64Encoded?: boolean
}

/** What Lambda answers with, in both formats. */
export interface LambdaResult {
  readonly statusCode: number
  readonly headers: Record<string, string>
  /** For a load balancer that sends them so: it reads no others then. */
  readonly multiValueHeaders?: Record<string, string[]>
  readonly body: string
  readonly isBase64Encoded: boolean
}

const BODY_HINT =
  'A middleware has parsed event.body before the receiver had it, and its bytes are lost. Take the JSON body parser off this function.'

/**
 * Returns the function's handler. The sender's address is the one that API Gateway or the function URL saw.
 *
 * A load balancer tells no address but in `X-Forwarded-For`, whose peer is not known here: the sender's is unknown.
 *
 * Source: AWS Lambda Developer Guide, "Using AWS Lambda with Amazon API Gateway", payload formats 1.0 and 2.0; Elastic
 * Load Balancing's guide to Application Load Balancers, "Lambda functions as targets".
 */
export function lambdaHandler(
  receiver: Receiver,
): (event: LambdaEventV1 | LambdaEventV2) => Promise<LambdaResult> {
  return async (event) => {
    const { remoteAddress, ...request } = 'httpMethod' in event ? fromV1(event) : fromV2(event)
    const response = await receiver(
      { ...request, body: bodyOf(event) },
      { remoteAddress, bodyHint: BODY_HINT },
    )
    const text = encodeBase64(new Uint8Array(await response.arrayBuffer()))
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      ...(isMultiValued(event)
        ? {
            multiValueHeaders: Object.fromEntries(
              [...response.headers].map(([name, value]) => [name, [value]]),
            ),
          }
        : {}),
      body: text,
      isBase64Encoded: true,
    }
  }
}

function isMultiValued(event: LambdaEventV1 | LambdaEventV2): boolean {
  return 'httpMethod' in event && event.requestContext?.elb !== undefined && event.headers === undefined
}

function fromV1(event: LambdaEventV1) {
  // A load balancer passes on what was sent; API Gateway has undone the escapes.
  const write = event.requestContext?.elb === undefined ? encodeURIComponent : (sent: string) => sent
  // A load balancer gives one of the two, as its attribute lambda.multi_value_headers.enabled says.
  const query = Object.entries(event.multiValueQueryStringParameters ?? event.queryStringParameters ?? {})
    .flatMap(([name, values = []]) => [values].flat().map((value) => `${write(name)}=${write(value)}`))
    .join('&')
  return {
    method: event.httpMethod,
    // With the stage, which `path` lacks: the sender has called it by that path.
    url: (event.requestContext?.path ?? event.path) + (query === '' ? '' : `?${query}`),
    headers: event.multiValueHeaders ?? event.headers ?? {},
    remoteAddress: event.requestContext?.identity?.sourceIp ?? null,
  }
}

function fromV2(event: LambdaEventV2) {
  const { method, sourceIp = null } = event.requestContext.http
  const query = event.rawQueryString ?? ''
  return {
    method,
    url: event.rawPath + (query === '' ? '' : `?${query}`),
    headers: event.headers ?? {},
    remoteAddress: sourceIp,
  }
}

/** A body that is not text comes in base64; one that cannot be decoded is no body that anyone signed. */
function bodyOf({ body, isBase64Encoded }: LambdaEventV1 | LambdaEventV2): RawBody {
  if (body === null || body === undefined) return new Uint8Array()
  // Not text: a middleware has parsed it. Passed on, it is refused as such.
  if (typeof body !== 'string' || isBase64Encoded !== true) return body
  return decodeBase64(body) ?? concatBytes([body])
}
