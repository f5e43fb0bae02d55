import { standardWebhooks, verify } from '@posthorn/receiver'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'

import { eventually } from './support/eventually.ts'
import { runCommand } from './support/process.ts'
import { type ReceivedRequest, startReceiver } from './support/receiver.ts'
import { type TestServer, startServer } from './support/server.ts'

const SENDERS = 4
/** Messages sent between two rotations. */
const BETWEEN = 60
/** Enough for the longest that the receiver refuses: while a command runs, on a machine with much to do. */
const RETRIES = [...Array(30).fill('150ms'), ...Array(20).fill('3s')].join(',')

const verifiesV1 = async (secret: string, { body, headers }: ReceivedRequest) => {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}

const verifiesV1a = async (key: string, { body, headers }: ReceivedRequest) => {
  const input = { method: 'POST', url: 'http://127.0.0.1/hook', headers, body }
  return (await verify(input, standardWebhooks({ secrets: key }))).ok
}

const publicKeysOf = async ({ url }: TestServer) => {
  const response = await fetch(`${url}/.well-known/webhook-keys.json`)
  return ((await response.json()) as { keys: { whpk: string }[] }).keys.map(({ whpk }) => whpk)
}

/** What rotates: its present key, and how it gets the next one, which it returns when receivers can have it. */
interface Rotating {
  readonly rotations: number
  readonly signatures: readonly string[]
  readonly verifies: (key: string, request: ReceivedRequest) => Promise<boolean>
  readonly current: (server: TestServer, application: string, endpoint: string) => Promise<string>
  readonly rotate: (server: TestServer, application: string, endpoint: string) => Promise<string>
}

const SECRET: Rotating = {
  rotations: 5,
  signatures: ['v1'],
  verifies: verifiesV1,
  current: ({ api }, application, endpoint) => api.secretOf(application, endpoint),
  async rotate({ api }, application, endpoint) {
    await api.ask('POST', `/app/${application}/endpoint/${endpoint}/secret/rotate`, {
      gracePeriodSeconds: 600,
    })
    return api.secretOf(application, endpoint)
  },
}

const SERVER_KEY: Rotating = {
  rotations: 3,
  signatures: ['v1', 'v1a'],
  verifies: verifiesV1a,
  current: async (server) => (await publicKeysOf(server))[0]!,
  async rotate(server) {
    const { stdout } = await runCommand(['keys', 'rotate-signing', '--grace', '10m', '--data', server.data])
    const key = stdout.trim()
    await eventually(
      () => publicKeysOf(server),
      (keys) => expect(keys).toContain(key),
    )
    return key
  },
}

test.each([
  ['the secret of an endpoint', SECRET],
  ['the key of the server', SERVER_KEY],
])(
  'rotated under load, %s fails no delivery within the grace, whether the receiver has the old or the new',
  async (_, kind) => {
    const server = await startServer({ 'retry-schedule': RETRIES })
    const { api } = server
    const receiver = await startReceiver()
    const application = await api.makeApplication()
    const endpoint = await api.makeEndpoint(application, receiver.url, { signatures: kind.signatures })

    /** The keys in the order in which receivers could have them: what is signed from then on verifies with each so far. */
    const keys = [await kind.current(server, application, endpoint)]
    /** By message: how many keys there were, at the latest, when its next attempt had not been signed yet. */
    const keysBefore = new Map<string, number>()
    const seen: { readonly request: ReceivedRequest; readonly keys: number; readonly isRetry: boolean }[] = []
    const succeeded = new Set<string>()
    let isRefusing = false
    receiver.answerWith((request) => {
      const isRetry = seen.some((each) => each.request.id === request.id)
      seen.push({ request, keys: keysBefore.get(request.id) ?? 1, isRetry })
      if (!isRefusing) {
        succeeded.add(request.id)
        return {}
      }
      keysBefore.set(request.id, keys.length)
      return { status: 503 }
    })

    const sent = new Set<string>()
    const stopped = new AbortController()
    const send = async () => {
      while (!stopped.signal.aborted) {
        const keysThen = keys.length
        const eventId = `evt-${crypto.randomUUID()}`
        const id = await api.send(application, { eventId })
        // It may have arrived before this is known; then it counts as sent with the keys of the start, which is less.
        if (!keysBefore.has(id)) keysBefore.set(id, keysThen)
        sent.add(id)
      }
    }
    const sending = Promise.all(Array.from({ length: SENDERS }, send))
    onTestFinished(async () => {
      stopped.abort()
      await sending
    })
    const sendMore = async () => {
      const target = sent.size + BETWEEN
      await eventually(
        () => sent.size,
        (size) => expect(size).toBeGreaterThanOrEqual(target),
      )
    }

    await sendMore()
    for (let rotation = 0; rotation < kind.rotations; rotation++) {
      isRefusing = true
      const refused = seen.length
      await eventually(
        () => seen.length,
        (length) => expect(length).toBeGreaterThan(refused + 5),
      )
      keys.push(await kind.rotate(server, application, endpoint))
      // What was refused until now is tried again, and was not signed yet with this key.
      const turn = seen.length
      await eventually(
        () => seen.length,
        (length) => expect(length).toBeGreaterThan(turn + 5),
      )
      isRefusing = false
      await sendMore()
    }
    stopped.abort()
    await sending
    await eventually(
      () => [...sent].filter((id) => !succeeded.has(id)),
      (missing) => expect(missing).toEqual([]),
    )

    const failed: string[] = []
    for (const { request, keys: count } of seen) {
      for (const [i, key] of keys.slice(0, count).entries()) {
        if (!(await kind.verifies(key, request))) failed.push(`${request.id} with key ${i} of ${count}`)
      }
    }
    expect(failed).toEqual([])
    // It was put to the test: what was first signed before a rotation was signed again after it, and later keys were checked.
    const retriedAfter = seen.filter(({ isRetry, keys: count }) => isRetry && count > 1)
    expect(retriedAfter.length).toBeGreaterThan(kind.rotations)
    expect(Math.max(...seen.map(({ keys: count }) => count))).toBe(kind.rotations + 1)
    const stranger = await kind.verifies(
      kind === SECRET ? 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' : `whpk_${'A'.repeat(43)}=`,
      seen[0]!.request,
    )
    expect(stranger).toBe(false)
  },
  180_000,
)
