// `npm test`: installs everything and runs everything that must pass. Its last line counts: `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

import { ROOT, install, nodePath } from './install.mjs'

install('all')
const folder = mkdtempSync(join(tmpdir(), 'posthorn-test-'))
const report = join(folder, 'vitest.json')
const CHECKS = [
  ['format', 'prettier', '--check', '--log-level=warn', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '--noEmit'],
  ['import directions', 'depcruise', '--output-type=err', 'packages', 'bench'],
  ['dead code', 'knip'],
]
const TESTS = [
  'tests',
  'vitest',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
]

let passed = 0
let failed = 0
// Side by side: each leaves a part of the machine to the others.
for (const isRight of await Promise.all(CHECKS.map(check))) {
  if (isRight) passed += 1
  else failed += 1
}
const isGreen = runTests()
const counts = readCounts()
passed += counts.passed
// A run that died, or a file that did not load, has failed even where no test has.
failed += counts.failed === 0 && !isGreen ? 1 : counts.failed
rmSync(folder, { recursive: true, force: true })

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** Runs a check, tells what it said when it has ended, and returns whether all is right. */
async function check([name, command, ...args]) {
  const said = []
  const status = await new Promise((resolve) => {
    const child = spawn(binary(command), args, { ...options(), stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => said.push(bytes))
    child.on('error', (error) => said.push(Buffer.from(`${error.message}\n`)))
    child.on('close', resolve)
  })
  console.log(`\n— ${name}${status === 0 ? '' : ': FAILED'}`)
  process.stdout.write(Buffer.concat(said))
  return status === 0
}

function runTests() {
  const [name, command, ...args] = TESTS
  console.log(`\n— ${name}`)
  const { status } = spawnSync(binary(command), args, { ...options(), stdio: 'inherit' })
  if (status !== 0) console.log(`— ${name}: FAILED`)
  return status === 0
}

function binary(command) {
  return join(ROOT, 'node_modules', '.bin', command)
}

function options() {
  const path = [dirname(nodePath()), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
  return { cwd: ROOT, env: { ...process.env, PATH: path }, shell: process.platform === 'win32' }
}

function readCounts() {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests }
  } catch {
    return { passed: 0, failed: 0 }
  }
}
