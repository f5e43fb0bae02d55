import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { Svix } from 'svix'
import { expect, test } from 'vitest'

import type { JsonSchema } from '../src/http/openapi/components.ts'
import type { OpenApiDocument } from '../src/http/openapi/document.ts'
import { sendRaw, rawRequest } from './support/raw-http.ts'
import { type DocumentedWorld, operationsOf, startDocumentedWorld } from './support/documented-world.ts'
import { TOKEN, startServer } from './support/server.ts'

const run = promisify(execFile)

/** The code of one kind on the page, as a reader would copy it. */
async function examplesOn(url: string, kind: string): Promise<string[]> {
  const page = await (await fetch(`${url}/docs`)).text()
  const found = page.matchAll(new RegExp(`<code data-kind="${kind}"\\s*>([^<]*)</code`, 'g'))
  return [...found].map(([, code]) =>
    code!.replaceAll(/&#(\d+);/g, (_match, number: string) => String.fromCharCode(Number(number))),
  )
}

/** What a reader sets in the shell before: the token, and ids that only the server knows. */
function environmentOf({ values }: DocumentedWorld): Record<string, string> {
  const variables = Object.entries(values).map(([name, value]) => [name.toUpperCase(), value])
  return { ...(Object.fromEntries(variables) as Record<string, string>), TOKEN }
}

/** Runs an example as a reader would who pastes it; returns the status and the answer. */
async function paste(example: string, folder: string, variables: object): Promise<string> {
  await writeFile(join(folder, '.curlrc'), 'silent\nwrite-out = " %{http_code}"\n')
  const env = { PATH: process.env['PATH'], CURL_HOME: folder, ...variables }
  const { stdout } = await run('sh', ['-c', example], { env })
  return stdout
}

test('the first steps run one after another on a server that has nothing', async () => {
  const server = await startServer()
  const steps = await examplesOn(server.url, 'first step')
  expect(steps).toHaveLength(3)
  for (const step of steps) {
    expect({ step, said: await paste(step, server.data, { TOKEN }) }).toMatchObject({
      said: expect.stringMatching(/ 20[0-2]$/),
    })
  }
  expect(await server.api.ask('GET', '/app/acme/msg/invoice-1001')).toMatchObject({
    eventType: 'invoice.paid',
  })
})

/** Runs each example in a world that still has what it names, and returns what went wrong. */
async function runAll(
  kind: string,
  isLast: (example: string) => boolean,
  runOne: (example: string, world: DocumentedWorld) => Promise<string | null>,
): Promise<string[]> {
  const shared = await startDocumentedWorld()
  const examples = await examplesOn(shared.server.url, kind)
  expect(examples.length).toBeGreaterThan(40)
  const failures: string[] = []
  for (const [index, example] of examples.entries()) {
    // What an example deletes, others name: it gets a world of its own.
    const world = isLast(example) ? await startDocumentedWorld() : shared
    const own = world === shared ? example : (await examplesOn(world.server.url, kind))[index]!
    const failure = await runOne(own, world)
    if (failure !== null) failures.push(`${example}\n${failure}`)
    if (world !== shared) await world.server.stop()
  }
  return failures
}

test('an event that tells of a failure shows one, and one that tells of a success does not', async () => {
  const { url } = await startServer()
  const bodies = (await examplesOn(url, 'body')).map(
    (body) => JSON.parse(body) as { type: string; data: { lastAttempt?: { responseStatusCode: number } } },
  )
  const statuses = Object.fromEntries(
    bodies.map(({ type, data }) => [type, data.lastAttempt?.responseStatusCode]),
  )
  expect(statuses).toMatchObject({
    'message.attempt.failing': 503,
    'message.attempt.exhausted': 503,
    'message.attempt.recovered': 200,
  })
})

test('every curl example of the page runs when it is pasted', { timeout: 60_000 }, async () => {
  const failures = await runAll(
    'curl',
    (example) => /-X DELETE|\/logout|expunge|expire/.test(example),
    async (example, world) => {
      const said = await paste(example, world.server.data, environmentOf(world))
      // Nothing may wait that could be skipped, and the answer says so.
      const isRight = example.includes('/skip ') ? / (204|409)$/ : / 2\d\d$/
      return isRight.test(said) ? null : said
    },
  )
  expect(failures).toEqual([])
})

test('every example of the svix client runs when it is pasted', { timeout: 60_000 }, async () => {
  const failures = await runAll(
    'svix client',
    (example) => /\.delete\(|\.logout\(|expunge|expire/i.test(example),
    async (example, world) => {
      const source = `export const run = async (svix, process) => { ${example} }`
      const { run: runExample } = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as {
        run: (svix: Svix, process: { env: object }) => Promise<void>
      }
      const svix = new Svix(TOKEN, { serverUrl: world.server.url, numRetries: 0 })
      return runExample(svix, { env: environmentOf(world) }).then(
        () => null,
        (error: unknown) => `${String(error)} ${JSON.stringify(error)}`,
      )
    },
  )
  expect(failures).toEqual([])
})

test('the page needs nothing from elsewhere, and its policy allows nothing', async () => {
  const { url } = await startServer()
  const response = await fetch(`${url}/docs`)
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(response.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; img-src data:/,
  )
  const page = await response.text()
  expect(page).not.toMatch(/<[^>]+\s(src|href)="(https?:)?\/\//)
  expect(page).not.toMatch(/\son\w+="/)
  expect(page).not.toMatch(/\sstyle="/)
})

test('style and script are those that the policy names', async () => {
  const { url } = await startServer()
  const response = await fetch(`${url}/docs`)
  const policy = response.headers.get('content-security-policy')!
  const page = await response.text()
  for (const element of ['style', 'script']) {
    const text = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page)![1]!
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    expect(policy).toContain(`${element}-src 'sha256-${Buffer.from(digest).toString('base64')}'`)
  }
})

test('a host with markup in it does not get into the page', async () => {
  const { url } = await startServer()
  const reply = await sendRaw(url, rawRequest('GET /docs', { host: 'a"><script>alert(1)</script>' }))
  expect(JSON.stringify(reply)).not.toContain('alert(1)')
})

test('every operation of the description has its place on the page, once', async () => {
  const { url } = await startServer()
  const page = await (await fetch(`${url}/docs`)).text()
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const text = await (await fetch(`${url}/api/v1/openapi.json`)).text()
  const operationIds = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id)
  expect(ids).toEqual(expect.arrayContaining(operationIds))
})

test('every field and parameter of the description says what it is', async () => {
  const { url } = await startServer()
  const document = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as OpenApiDocument
  const named = document.components.schemas
  const isTold = (schema: JsonSchema): boolean =>
    schema['description'] !== undefined ||
    (typeof schema['$ref'] === 'string' && isTold(named[schema['$ref'].split('/').at(-1)!]!)) ||
    (Array.isArray(schema['anyOf']) && schema['anyOf'].some((branch) => isTold(branch as JsonSchema)))
  const fields = Object.entries(named).flatMap(([form, { properties }]) =>
    Object.entries((properties ?? {}) as Record<string, JsonSchema>).map(
      ([name, schema]) => [`${form}.${name}`, isTold(schema)] as const,
    ),
  )
  const parameters = operationsOf(document).flatMap(({ method, path, operation }) =>
    operation.parameters.map(
      ({ name, description }) => [`${method} ${path} ${name}`, description !== undefined] as const,
    ),
  )
  expect(fields.length).toBeGreaterThan(500)
  const untold = [...fields, ...parameters].filter(([, told]) => !told).map(([place]) => place)
  expect(untold).toEqual([])
})
