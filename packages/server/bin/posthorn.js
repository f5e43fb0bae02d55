#!/usr/bin/env node
// Starts the CLI: from what was built, or in the repository from its source.
import { existsSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 24
const major = Number(process.versions.node.split('.')[0])
if (major < OLDEST_NODE) {
  process.stderr.write(`posthorn: needs Node.js ${OLDEST_NODE} or later, and this is ${process.version}\n`)
  process.exit(1)
}

const source = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
if (existsSync(source)) runSource()
else await import('../dist/cli/main.js')

/** The source finds the workspace's other packages by a condition, which Node takes only when it starts. */
function runSource() {
  const args = ['--conditions=@posthorn/source', source, ...process.argv.slice(2)]
  if (process.execve !== undefined && process.platform !== 'win32') {
    process.removeAllListeners('warning').on('warning', () => {})
    process.execve(process.execPath, [process.execPath, ...args], process.env)
  }
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)))
}
