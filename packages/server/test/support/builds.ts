/** Builds of Posthorn beside the one of this tree, to be run with it on one database. @module */

import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { temporaryFolder } from '../storage/temporary-folder.ts'
import { MAIN } from './process.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const MODULES = 'node_modules'
const SERVER = 'packages/server'
const MIGRATIONS = 'src/storage/postgres/migrations.ts'

const run = promisify(execFile)

/** A Posthorn that can be started. */
export interface Build {
  /** Its command line. */
  readonly main: string
  /** As `GET /cluster` shows it. */
  readonly version: string
}

/** The build of this tree. */
export async function thisBuild(): Promise<Build> {
  return { main: MAIN, version: await versionOf(join(ROOT, SERVER)) }
}

/**
 * Makes what a next release would be: this tree under another version, with these steps of the schema behind its own. Its
 * dependencies are those of the tree. The end of the test removes it.
 *
 * @param steps - Entries of `MIGRATIONS`, as source.
 */
export async function nextBuild(version: string, steps: readonly string[]): Promise<Build> {
  const root = await temporaryFolder()
  const server = join(root, SERVER)
  await cp(join(ROOT, SERVER, 'src'), join(server, 'src'), {
    recursive: true,
    filter: (path) => !path.endsWith('.test.ts'),
  })
  await symlink(join(ROOT, SERVER, MODULES), join(server, MODULES))
  await symlink(join(ROOT, MODULES), join(root, MODULES))
  const manifest = JSON.parse(await readFile(join(ROOT, SERVER, 'package.json'), 'utf8')) as object
  await writeFile(join(server, 'package.json'), JSON.stringify({ ...manifest, version }))
  const before = await readFile(join(server, MIGRATIONS), 'utf8')
  const list = /(MIGRATIONS: readonly Migration\[\] = \[.*?)\]/s
  await writeFile(join(server, MIGRATIONS), before.replace(list, `$1${steps.join(',\n')},\n]`))
  return { main: join(server, 'src/cli/main.ts'), version }
}

/** Makes the build of a commit, with the dependencies of this tree. The end of the test removes it. */
export async function buildOf(commit: string): Promise<Build> {
  const root = await temporaryFolder()
  const archive = join(root, 'tree.tar')
  await run('git', ['-C', ROOT, 'archive', '--output', archive, commit, 'packages'])
  await run('tar', ['-xf', archive, '-C', root])
  await symlink(join(ROOT, SERVER, MODULES), join(root, SERVER, MODULES))
  // All but the packages of the workspace, which are the commit's own.
  const scope = '@posthorn'
  await mkdir(join(root, MODULES, scope), { recursive: true })
  for (const name of await readdir(join(ROOT, MODULES))) {
    if (name !== scope && name !== 'posthorn')
      await symlink(join(ROOT, MODULES, name), join(root, MODULES, name))
  }
  await symlink(join(root, 'packages/receiver'), join(root, MODULES, scope, 'receiver'))
  const server = join(root, SERVER)
  return { main: join(server, 'src/cli/main.ts'), version: await versionOf(server) }
}

async function versionOf(server: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(server, 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}
