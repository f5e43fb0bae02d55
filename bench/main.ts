/**
 * `npm run bench [-- scenario] [--seconds N] [--messages N] [--days N] [--database postgres] [--workers N]`: measures, prints a table, and fails if an acknowledged message
 * is missing or a search is too slow.
 *
 * @module
 */

import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'

import { backlog } from './backlog.ts'
import { days } from './days.ts'
import { isolation } from './isolation.ts'
import { rate } from './rate.ts'
import { search } from './search.ts'
import { throughput } from './throughput.ts'
import { verification } from './verify.ts'

const SCENARIOS = { throughput, isolation, rate, backlog, search, days, verify: verification }

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '30' },
    keys: { type: 'boolean', default: false },
    messages: { type: 'string', default: '1000000' },
    days: { type: 'string', default: '90' },
    database: { type: 'string', default: 'sqlite' },
    workers: { type: 'string', default: '1' },
  },
})
const names = positionals.length === 0 ? Object.keys(SCENARIOS) : positionals
const print = (line: string) => process.stdout.write(`${line}\n`)

print(
  `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node.js ${process.version}`,
)
let isWhole = true
for (const name of names) {
  const scenario = SCENARIOS[name as keyof typeof SCENARIOS]
  if (scenario === undefined) {
    print(`There is no scenario ${name}; there are ${Object.keys(SCENARIOS).join(', ')}`)
    process.exit(1)
  }
  print(`\n## ${name}\n`)
  isWhole =
    (await scenario(
      {
        seconds: Number(values.seconds),
        keys: values.keys,
        messages: Number(values.messages),
        days: Number(values.days),
        database: values.database,
        workers: Number(values.workers),
      },
      print,
    )) && isWhole
}
if (!isWhole)
  print('\nFAILED: an acknowledged message did not arrive, or a bound that the scenario names was not kept')
process.exit(isWhole ? 0 : 1)
