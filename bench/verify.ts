/** What a verification costs: ours beside npm `standardwebhooks`, by turns in one process, at 1 KB. @module */

import { generateSecret, signHeaders, standardWebhooks, verify } from '@posthorn/receiver'
import { Webhook } from 'standardwebhooks'

import { eventBody } from './event.ts'

const PER_ROUND = 500
const WARM_UP_ROUNDS = 20
/** More seconds change nothing: the figures are quantiles of rounds of a hundredth of a second. */
const MAX_SECONDS = 10

/**
 * Runs the scenario and prints its table. Returns whether ours took at most as much processor time, of all threads, in the
 * median of the rounds: other work on the machine does not count in that.
 *
 * Both are given what a server has (the bytes, and a record of ten headers) and yield the parsed JSON.
 */
export async function verification(
  { seconds }: { seconds: number },
  print: (line: string) => void,
): Promise<boolean> {
  const secret = generateSecret()
  const body = Buffer.from(eventBody())
  const timestamp = Math.floor(Date.now() / 1_000)
  const headers: Record<string, string> = {
    host: 'receiver.test',
    'user-agent': 'bench/1.0',
    accept: '*/*',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'content-length': String(body.length),
    connection: 'keep-alive',
    ...(await signHeaders(secret, { id: 'msg_2mYVm5bZqcN0Yx8nqT7h1pSJhXk', timestamp, body })),
  }
  const scheme = standardWebhooks({ secrets: secret })
  const webhook = new Webhook(secret)
  const ours = async () => {
    const result = await verify({ headers, body }, scheme)
    if (!result.ok) throw new Error(result.code)
    return result.event.json()
  }
  const theirs = () => webhook.verify(body.toString(), headers)

  const rounds: { ours: Cost; theirs: Cost }[] = []
  const end = performance.now() + Math.min(seconds, MAX_SECONDS) * 1_000
  for (let round = 0; round < 2 * WARM_UP_ROUNDS || performance.now() < end; round++) {
    const costs = { ours: await costOf(ours), theirs: await costOf(theirs) }
    if (round >= WARM_UP_ROUNDS) rounds.push(costs)
  }

  const ratios = (kind: keyof Cost) => rounds.map((costs) => costs.theirs[kind] / costs.ours[kind])
  const row = (name: string, values: readonly number[], digits: number) =>
    print(
      `| ${name} | ${[0.1, 0.5, 0.9].map((share) => quantile(values, share).toFixed(digits)).join(' | ')} |`,
    )
  print(`| ${body.length} bytes, ${rounds.length} rounds of ${PER_ROUND} by turns | p10 | p50 | p90 |`)
  print('| --- | ---: | ---: | ---: |')
  for (const kind of ['processor', 'elapsed'] as const) {
    const ofOurs = rounds.map((costs) => costs.ours[kind])
    const ofTheirs = rounds.map((costs) => costs.theirs[kind])
    row(`@posthorn/receiver, ${kind}, µs`, ofOurs, 1)
    row(`standardwebhooks, ${kind}, µs`, ofTheirs, 1)
    row(`theirs ÷ ours, ${kind}, in each round`, ratios(kind), 2)
  }
  return quantile(ratios('processor'), 0.5) >= 1
}

/** What one verification took, in microseconds. */
interface Cost {
  readonly elapsed: number
  readonly processor: number
}

async function costOf(verifyOnce: () => unknown): Promise<Cost> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let i = 0; i < PER_ROUND; i++) {
    const verified = verifyOnce()
    if (verified instanceof Promise) await verified
  }
  const elapsed = ((performance.now() - start) * 1_000) / PER_ROUND
  const { user, system } = process.cpuUsage(cpu)
  return { elapsed, processor: (user + system) / PER_ROUND }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
}
