/** `posthorn receive`: a small receiver that verifies and prints, for tours and tests. @module */

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'

import { Command } from 'commander'

import { type VerifyResult, WebhookSecretError, standardWebhooks, verify } from '@posthorn/receiver'

import { PosthornError } from '../domain/errors.ts'
import { parseDuration } from '../duration.ts'

interface ReceiveOptions {
  readonly host: string
  readonly port: string
  readonly secret: readonly string[]
  readonly status: string
  readonly fail: string
  readonly delay: string
  readonly stall: boolean
}

interface Behaviour {
  readonly status: number
  /** Requests that are answered 500 before any other. */
  readonly failFirst: number
  readonly delayMs: number
  readonly stalls: boolean
}

const MAX_PORT = 65_535
const MAX_BODY_BYTES = 4 * 1_048_576
const SHOWN_CHARACTERS = 2_000

/** Returns the command. */
export function receiveCommand(): Command {
  const command = new Command('receive')
    .description('Receive webhooks on this machine: verify each and print it')
    .option('--port <number>', 'Port to listen on; 0 for any that is free', '4000')
    .option('--host <address>', 'Address to listen on', '127.0.0.1')
    .option(
      '--secret <secret>',
      'Secret of the endpoint, whsec_…; may be given several times. Without it nothing is verified',
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option('--status <code>', 'Answer every webhook with this status', '204')
    .option('--fail <count>', 'Answer the first so many webhooks with 500', '0')
    .option('--delay <duration>', 'Wait before each answer, such as 2s', '0ms')
    .option('--stall', 'Never answer', false)
    .addHelpText(
      'after',
      `
The secret of an endpoint:
  curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:8071/api/v1/app/demo/endpoint/demo/secret

A webhook whose signature does not match is answered 401 and printed as refused.`,
    )
  return command.action(async () => receive(command.opts<ReceiveOptions>()))
}

async function receive(options: ReceiveOptions): Promise<void> {
  const port = wholeNumber('--port', options.port, 0, MAX_PORT)
  const delayMs = parseDuration(options.delay)
  if (delayMs === null) {
    throw new PosthornError('bad_config', `--delay: ${JSON.stringify(options.delay)} is not right`, {
      hint: 'Give a duration, such as 2s',
    })
  }
  const behaviour: Behaviour = {
    status: wholeNumber('--status', options.status, 200, 599),
    failFirst: wholeNumber('--fail', options.fail, 0, Number.MAX_SAFE_INTEGER),
    delayMs,
    stalls: options.stall,
  }
  const check = verifierOf(options.secret)
  let received = 0
  const server = createServer((request, response) => {
    const turn = ++received
    handle(request, response, { check, behaviour, turn }).catch((error: unknown) => {
      print(`✘ could not be read: ${String(error)}`)
      response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: Error) =>
      reject(
        new PosthornError('bad_config', `Cannot listen on ${options.host}:${port}: ${cause.message}`, {
          hint: 'Give another --port',
          cause,
        }),
      ),
    )
    server.listen(port, options.host, resolve)
  })
  const address = server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  print(`Receiving on http://${options.host}:${actualPort}/ (Ctrl-C ends it)`)
  if (check === null) print('No --secret was given: signatures are not verified')
}

type Check = (request: { headers: IncomingMessage['headers']; body: Uint8Array }) => Promise<VerifyResult>

function verifierOf(secrets: readonly string[]): Check | null {
  if (secrets.length === 0) return null
  try {
    const scheme = standardWebhooks({ secrets })
    return (request) => verify(request, scheme, { maxBodyBytes: MAX_BODY_BYTES })
  } catch (error) {
    if (!(error instanceof WebhookSecretError)) throw error
    throw new PosthornError('bad_config', `--secret: ${error.message}`, { hint: error.hint })
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { check, behaviour, turn }: { check: Check | null; behaviour: Behaviour; turn: number },
): Promise<void> {
  const body = await readBody(request)
  const verdict = check === null ? null : await check({ headers: request.headers, body })
  if (verdict !== null && !verdict.ok) {
    print(`✘ refused ${nameOf(request)}: ${verdict.code}. ${verdict.hint}`)
    return void response.writeHead(401, { 'content-type': 'text/plain' }).end(`${verdict.code}\n`)
  }
  const status = turn <= behaviour.failFirst ? 500 : behaviour.status
  const seal = verdict === null ? '? not verified' : '✔ verified'
  print(`${seal}  ${nameOf(request)}  ${behaviour.stalls ? 'never answered' : `answered ${status}`}`)
  print(`  ${Buffer.from(body).toString('utf8').slice(0, SHOWN_CHARACTERS)}`)
  if (behaviour.stalls) return
  setTimeout(() => response.writeHead(status).end(), behaviour.delayMs)
}

function nameOf(request: IncomingMessage): string {
  const id = request.headers['webhook-id'] ?? request.headers['svix-id'] ?? 'no webhook-id'
  return `${String(id)}  ${request.method} ${request.url}`
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error(`the body has more than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new PosthornError('bad_config', `${name}: ${JSON.stringify(text)} is not right`, {
    hint: `Give a whole number from ${least} to ${most}`,
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
