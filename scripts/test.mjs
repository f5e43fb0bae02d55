// `npm test`: installs everything and runs everything that must pass. Its last line counts: `N passed, N failed`.
import { spawnSync } from 'node:child_process'
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
for (const [name, command, ...args] of CHECKS) {
  if (run(name, command, args)) passed += 1
  else failed += 1
}
const [testName, testCommand, ...testArgs] = TESTS
const isGreen = run(testName, testCommand, testArgs)
const counts = readCounts()
passed += counts.passed
// A run that died, or a file that did not load, has failed even where no test has.
failed += counts.failed === 0 && !isGreen ? 1 : counts.failed
rmSync(folder, { recursive: true, force: true })

console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

function run(name, command, args) {
  console.log(`\n— ${name}`)
  const bin = join(ROOT, 'node_modules', '.bin', command)
  const path = [dirname(nodePath()), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
  const { status } = spawnSync(bin, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
    shell: process.platform === 'win32',
  })
  if (status !== 0) console.log(`— ${name}: FAILED`)
  return status === 0
}

function readCounts() {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests }
  } catch {
    return { passed: 0, failed: 0 }
  }
}
