// `npm start`: installs what running needs, then runs Posthorn for development. Further flags: npm start -- --port 9000
import { spawn } from 'node:child_process'
import { join } from 'node:path'

import { ROOT, install, nodePath } from './install.mjs'

const ORPHAN_POLL_MS = 500

install('run')
const bin = join(ROOT, 'packages', 'server', 'bin', 'posthorn.js')
const server = spawn(nodePath(), [bin, 'serve', '--dev', ...process.argv.slice(2)], { stdio: 'inherit' })
// The terminal sends Ctrl-C to both; whoever sends a signal to this process alone means the server.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => server.kill('SIGTERM'))
// A signal to npm itself ends the shell between npm and this process, and reaches nobody else.
const parent = process.ppid
setInterval(() => process.ppid !== parent && server.kill('SIGTERM'), ORPHAN_POLL_MS)
server.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)))
