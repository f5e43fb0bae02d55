import { expect, test } from 'vitest'

import { temporaryFolder } from './storage/temporary-folder.ts'
import { eventually } from './support/eventually.ts'
import { startOperator } from './support/operator.ts'
import { startPosthorn } from './support/process.ts'
import { startReceiver } from './support/receiver.ts'

const MESSAGES = 60
const KILLS = 4
/** Ten attempts, soon one after the other. */
const FLAGS = ['--retry-schedule', Array(9).fill('60ms').join(',')]

const REPORTS = ['message.attempt.failing', 'message.attempt.exhausted', 'message.attempt.recovered']

test('failing, exhausted and recovered are told of once each, whenever the process is killed', async () => {
  const data = await temporaryFolder()
  let posthorn = await startPosthorn(data, FLAGS)
  const application = await posthorn.api.makeApplication()
  const operator = await startOperator(posthorn.api, { eventTypes: REPORTS })
  const recorded = new Map<string, number>()
  const receiver = await startReceiver({
    // Half of them succeed at last. An attempt that a kill cut off is made again, so these are at least as many.
    answer: ({ id, body }) => {
      recorded.set(id, (recorded.get(id) ?? 0) + 1)
      const { recovers } = JSON.parse(body.toString()) as { recovers: boolean }
      return { status: recovers && recorded.get(id)! > 5 + KILLS ? 200 : 500 }
    },
  })
  await posthorn.api.makeEndpoint(application, receiver.url)
  const send = (i: number) => posthorn.api.send(application, { payload: { recovers: i % 2 === 0 } })
  const messages = await Promise.all(Array.from({ length: MESSAGES }, (_, i) => send(i)))

  for (let kill = 1; kill <= KILLS; kill++) {
    // Each time amid events: some are accepted and not sent, others sent and not recorded.
    const target = Math.min(operator.receiver.ids().size + MESSAGES / 4, 2 * MESSAGES)
    await operator.receiver.waitFor(() => operator.receiver.ids().size >= target)
    await posthorn.kill('SIGKILL')
    posthorn = await startPosthorn(data, FLAGS)
  }
  const standings = await eventually(
    () => Promise.all(messages.map((id) => posthorn.api.deliveriesOf(application, id))),
    (all) => expect(all.flat().every(({ statusText }) => /success|fail/.test(statusText))).toBe(true),
  )
  const expected = messages.flatMap((id, i) => {
    const end = standings[i]![0]!.statusText === 'success' ? 'recovered' : 'exhausted'
    return [`message.attempt.failing ${id}`, `message.attempt.${end} ${id}`]
  })
  expect(new Set(standings.map(([delivery]) => delivery!.statusText))).toEqual(new Set(['success', 'fail']))
  await eventually(operator.events, (events) => expect(events.length).toBeGreaterThanOrEqual(expected.length))
  // One more that is caused last and told of last: all that was to come has come by then.
  receiver.answerWith(() => ({ status: 410 }))
  const last = await posthorn.api.send(application)
  const told = await eventually(operator.events, (events) =>
    expect(events.some((event) => event.data['msgId'] === last)).toBe(true),
  )
  const all = told.map(({ type, data: { msgId } }) => `${type} ${String(msgId)}`).toSorted()
  expect(all).toEqual([...expected, `message.attempt.exhausted ${last}`].toSorted())

  const twice = operator.receiver.requests.length - told.length
  process.stdout.write(
    `${all.length} events of ${MESSAGES} deliveries, ${KILLS} times kill -9, ${twice} arrived twice\n`,
  )
}, 180_000)

test('an event whose sending kill -9 cut off is sent again after the restart, as the same message', async () => {
  const data = await temporaryFolder()
  const first = await startPosthorn(data, ['--attempt-timeout', '2m'])
  const application = await first.api.makeApplication()
  const operator = await startOperator(first.api, {
    eventTypes: ['message.attempt.exhausted', 'endpoint.disabled'],
    answer: () => 'nothing',
  })
  const receiver = await startReceiver({ answer: () => ({ status: 410 }) })
  const endpoint = await first.api.makeEndpoint(application, receiver.url)
  const message = await first.api.send(application)
  await operator.receiver.waitFor(({ length }) => length === 2)
  await first.kill('SIGKILL')

  operator.receiver.answerWith(() => ({}))
  await startPosthorn(data)
  await operator.receiver.waitFor(({ length }) => length === 4)
  const [one, two, ...again] = operator.receiver.requests.map(({ id }) => id)
  expect(new Set(again)).toEqual(new Set([one, two]))
  const told = operator.events().map(({ type, data: { msgId, endpointId } }) => ({ type, msgId, endpointId }))
  expect(told).toHaveLength(2)
  expect(told).toEqual(
    expect.arrayContaining([
      { type: 'message.attempt.exhausted', msgId: message, endpointId: endpoint },
      { type: 'endpoint.disabled', msgId: undefined, endpointId: endpoint },
    ]),
  )
})
