import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import type { Api } from './support/api.ts'
import { isOnPostgres } from './support/database.ts'
import { eventually } from './support/eventually.ts'
import { type PosthornProcess, runCommand, startPosthorn } from './support/process.ts'
import { type ReceivedRequest, gate, startReceiver } from './support/receiver.ts'

const SENDERS = 48
const ROUNDS = 3
/** Often enough for what was sent in vain before a crash to come again soon after it, and for longer than the crashes take. */
const RETRIES = ['--retry-schedule', [...Array(30).fill('300ms'), ...Array(20).fill('3s')].join(',')]

/** Sends from many connections at once until the server is gone, and adds each acknowledged id. */
async function sendUntilGone(api: Api, application: string, acknowledged: Set<string>): Promise<void> {
  const sender = async () => {
    for (;;) {
      let reply
      try {
        reply = await api.call('POST', `/app/${application}/msg`, {
          eventType: 'load',
          payload: { filler: 'x'.repeat(1_000) },
        })
      } catch {
        return
      }
      if (reply.status === 202) acknowledged.add((reply.body as { id: string }).id)
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
}

const idsOf = (requests: readonly ReceivedRequest[]) => new Set(requests.map(({ id }) => id))

test('kill -9 under load loses no message that was acknowledged', async () => {
  const data = await temporaryFolder()
  let posthorn: PosthornProcess = await startPosthorn(data, RETRIES)
  const application = await posthorn.api.makeApplication()
  const open = await startReceiver()
  // Gets nothing before the last restart, so that all of its messages can come from the disk alone.
  const late = await startReceiver({ answer: () => ({ status: 503 }) })
  await posthorn.api.makeEndpoint(application, open.url)
  await posthorn.api.makeEndpoint(application, late.url)

  const acknowledged = new Set<string>()
  for (let round = 1; round <= ROUNDS; round++) {
    const target = acknowledged.size + 150
    const sending = sendUntilGone(posthorn.api, application, acknowledged)
    await eventually(
      () => acknowledged.size,
      (size) => expect(size).toBeGreaterThanOrEqual(target),
    )
    await posthorn.kill('SIGKILL')
    await sending
    posthorn = await startPosthorn(data, RETRIES)
  }

  const lost: string[] = []
  for (const id of acknowledged) {
    const { status } = await posthorn.api.call('GET', `/app/${application}/msg/${id}`)
    if (status !== 200) lost.push(id)
  }
  expect(lost).toEqual([])

  const haveAll = (requests: readonly ReceivedRequest[]) => {
    const ids = idsOf(requests)
    return [...acknowledged].every((id) => ids.has(id))
  }
  const refused = late.requests.length
  late.answerWith(() => ({}))
  await Promise.all([
    late.waitFor((requests) => haveAll(requests.slice(refused))),
    open.waitFor((requests) => haveAll(requests)),
  ])

  const duplicates = open.requests.length - idsOf(open.requests).size
  process.stdout.write(
    `${acknowledged.size} messages acknowledged, ${ROUNDS} times kill -9, 0 lost, ${duplicates} delivered twice\n`,
  )
}, 180_000)

test('SIGTERM lets attempts under way finish and be recorded, and the next start takes up the rest', async () => {
  const data = await temporaryFolder()
  const first = await startPosthorn(data)
  const application = await first.api.makeApplication()
  const mayAnswer = gate()
  const receiver = await startReceiver({
    answer: async () => {
      await mayAnswer.opened
      return { status: 200, body: 'at last' }
    },
  })
  await first.api.makeEndpoint(application, receiver.url)
  const sent = await Promise.all(Array.from({ length: 40 }, () => first.api.send(application)))
  // A new endpoint is tried with a few attempts at a time: the other messages wait behind them.
  await receiver.waitFor((requests) => requests.length > 0)

  const ended = first.kill('SIGTERM')
  mayAnswer.open()
  expect(await ended).toBe(0)
  const underWay = receiver.requests.map(({ id }) => id)

  const second = await startPosthorn(data)
  for (const id of underWay) {
    expect(await second.api.attemptsOf(application, id)).toMatchObject([
      { statusText: 'success', responseStatusCode: 200, response: 'at last' },
    ])
  }
  await receiver.waitFor(() => receiver.ids().size === sent.length)
  await eventually(
    () => Promise.all(sent.map((id) => second.api.attemptsOf(application, id))),
    (attempts) => expect(attempts.flat()).toHaveLength(sent.length),
  )
  expect(receiver.requests).toHaveLength(sent.length)
})

test.skipIf(isOnPostgres)(
  'as long as an attempt is under way after SIGTERM, the data is its own',
  async () => {
    const data = await temporaryFolder()
    const first = await startPosthorn(data, ['--attempt-timeout', '2m'])
    const application = await first.api.makeApplication()
    const mayAnswer = gate()
    const receiver = await startReceiver({
      answer: async () => {
        await mayAnswer.opened
        return {}
      },
    })
    await first.api.makeEndpoint(application, receiver.url)
    const sent = await Promise.all(Array.from({ length: 40 }, () => first.api.send(application)))
    await receiver.waitFor((requests) => requests.length > 0)
    const ended = first.kill('SIGTERM')
    const tooSoon = await runCommand(['serve', '--port', '0', '--data', data])
    expect(tooSoon).toMatchObject({ code: 1, stderr: expect.stringContaining('Another Posthorn') })
    mayAnswer.open()
    expect(await ended).toBe(0)
    // A new endpoint is tried with a few attempts at a time, and after the signal nothing more began.
    expect(receiver.requests.length).toBeLessThan(sent.length)
  },
)

test('an attempt that kill -9 cut off is made again after the restart', async () => {
  const data = await temporaryFolder()
  const first = await startPosthorn(data, ['--attempt-timeout', '2m'])
  const application = await first.api.makeApplication()
  const receiver = await startReceiver({ answer: () => 'nothing' })
  await first.api.makeEndpoint(application, receiver.url)
  const message = await first.api.send(application)
  await receiver.waitFor((requests) => requests.length === 1)
  await first.kill('SIGKILL')

  receiver.answerWith(() => ({}))
  const second = await startPosthorn(data)
  const requests = await receiver.waitFor(({ length }) => length === 2)
  expect(requests.map(({ id }) => id)).toEqual([message, message])
  await eventually(
    () => second.api.attemptsOf(application, message),
    (attempts) => expect(attempts).toMatchObject([{ statusText: 'success' }]),
  )
})

test('what was due while the server was down is delivered when it starts', async () => {
  const data = await temporaryFolder()
  const first = await startPosthorn(data)
  const application = await first.api.makeApplication()
  const receiver = await startReceiver()
  const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
  const endpoint = await first.api.makeEndpoint(application, receiver.url, { secret })
  const deliverAt = Date.now() + 1_000
  const message = await first.api.send(application, { deliverAt: new Date(deliverAt).toISOString() })
  expect(await first.kill('SIGTERM')).toBe(0)

  const second = await startPosthorn(data)
  expect(await second.api.secretOf(application, endpoint)).toBe(secret)
  const [request] = await receiver.waitFor(({ length }) => length === 1)
  expect(request!.id).toBe(message)
})
