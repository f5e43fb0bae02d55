/** What a rate does: an endpoint that allows 50 a second is fed 500, and its neighbour is not. @module */

import { Helper, Server, awaitReceipt, makeRoute } from './house.ts'
import type { LoadReport } from './load.ts'
import type { SinkReport } from './sink.ts'
import { spread } from './throughput.ts'

const ALLOWED = 50
const FED = 500
const NEIGHBOUR = 200

/** Runs the scenario and prints its table. Returns whether every full second had its number to within a tenth. */
export async function rate(
  { seconds }: { seconds: number },
  print: (line: string) => void,
): Promise<boolean> {
  const [limitedSink, freeSink] = [new Helper('sink'), new Helper('sink')]
  const loads = [new Helper('load'), new Helper('load')] as const
  const { port: limitedPort } = await limitedSink.answer<{ port: number }>()
  const { port: freePort } = await freeSink.answer<{ port: number }>()
  const server = await Server.start()
  try {
    const limited = await makeRoute(server, limitedSink, limitedPort, 'limited')
    const free = await makeRoute(server, freeSink, freePort, 'free')
    await server.call('PATCH', '/app/limited/endpoint/limited', { throttleRate: ALLOWED })
    const command = { port: server.port, token: server.token, durationMs: seconds * 1_000, connections: 16 }
    const [, sentFree] = await Promise.all([
      loads[0].ask<LoadReport>({ ...command, paths: [limited.sendPath], perSecond: FED }),
      loads[1].ask<LoadReport>({ ...command, paths: [free.sendPath], perSecond: NEIGHBOUR }),
    ])
    const ofLimited = await limitedSink.ask<SinkReport>({ kind: 'report' })
    const ofFree = await awaitReceipt(freeSink, sentFree.accepted)
    // The last second is not over.
    const full = ofLimited.perSecond.slice(0, -1)
    print(`| allowed ${ALLOWED}/s, fed ${FED}/s for ${seconds} s | |`)
    print(`| --- | ---: |`)
    print(`| arrivals in each second, least to most | ${Math.min(...full)} to ${Math.max(...full)} |`)
    print(`| neighbour at ${NEIGHBOUR}/s: received | ${ofFree.distinct} of ${sentFree.accepted} |`)
    print(`| neighbour: end to end p50 / p99 | ${spread(ofFree.latenciesMs)} |`)
    return (
      full.every((count) => Math.abs(count - ALLOWED) <= ALLOWED / 10) && ofFree.distinct >= sentFree.accepted
    )
  } finally {
    await server.stop()
    for (const helper of [limitedSink, freeSink, ...loads]) helper.stop()
  }
}
