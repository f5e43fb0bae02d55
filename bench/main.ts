/** `npm run bench [-- scenario] [--seconds N]`: measures, prints a table, and fails if an acknowledged message is missing. @module */

import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'

import { isolation } from './isolation.ts'
import { throughput } from './throughput.ts'

const SCENARIOS = { throughput, isolation }

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '30' } },
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
  isWhole = (await scenario({ seconds: Number(values.seconds) }, print)) && isWhole
}
if (!isWhole) print('\nFAILED: an acknowledged message did not arrive')
process.exit(isWhole ? 0 : 1)
