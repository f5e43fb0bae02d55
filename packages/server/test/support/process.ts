/** Posthorn as a process of its own, started by the real command line. @module */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import { type Api, apiOf } from './api.ts'
import { databaseEnvironment } from './database.ts'
import { TOKEN } from './server.ts'

/** The command line of this tree. */
export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** A command that runs. */
export interface Command {
  readonly pid: number
  /** All lines of its standard output so far. */
  readonly lines: readonly string[]
  /** Resolves with the first line, past or to come, that has the text in it; rejects where the command ends before. */
  line(text: string): Promise<string>
  /** The same of its standard error. */
  errorLine(text: string): Promise<string>
  /** Sends a signal and resolves with the exit code, which is `null` where the signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null>
}

/** What a command left behind. */
export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How a command is started. */
export interface CommandOptions {
  /** Beside `PATH` and where Node keeps what it compiled, which is all that it gets of ours. */
  readonly env?: Readonly<Record<string, string>>
  /** The command line of another build; by default {@link MAIN}. */
  readonly main?: string
}

/** Starts `posthorn …args`. The end of the test kills it. */
export function startCommand(args: readonly string[], options: CommandOptions = {}): Command {
  const child = spawnCli(args, options)
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const output = linesOf(child.stdout!)
  const errors = linesOf(child.stderr!)
  const endBefore = (text: string) =>
    exited.then((code) => {
      throw new Error(`ended with ${code} before it said "${text}": ${errors.lines.join('\n')}`)
    })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    pid: child.pid!,
    lines: output.lines,
    line: (text) => Promise.race([output.find(text), endBefore(text)]),
    errorLine: (text) => Promise.race([errors.find(text), endBefore(text)]),
    kill(signal) {
      child.kill(signal)
      return exited
    },
  }
}

/** Runs `posthorn …args` to its end; the end of the test kills it if that comes first. */
export async function runCommand(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawnCli(args, { ...options, env: { ...(await databaseEnvironment(args)), ...options.env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [stdout, stderr, [code]] = await Promise.all([
    textOf(child.stdout!),
    textOf(child.stderr!),
    once(child, 'exit') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

/** A server in a process of its own. */
export interface PosthornProcess extends Command {
  readonly url: string
  readonly api: Api
}

/** Starts `posthorn serve` on this folder, and resolves when it listens. */
export async function startPosthorn(data: string, flags: readonly string[] = []): Promise<PosthornProcess> {
  const args = ['serve', '--port', '0', '--data', data, '--dev', ...flags]
  const command = startCommand(args, {
    env: { POSTHORN_BOOTSTRAP_TOKEN: TOKEN, ...(await databaseEnvironment(args)) },
  })
  const { url } = JSON.parse(await command.line('Posthorn is listening')) as { url: string }
  return { ...command, url, api: apiOf(url, TOKEN) }
}

function spawnCli(args: readonly string[], { env = {}, main = MAIN }: CommandOptions): ChildProcess {
  return spawn(process.execPath, ['--conditions=@posthorn/source', main, ...args], {
    env: { PATH: process.env['PATH'], ...compileCache(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Where Node keeps what it compiled, for a process that gets nothing else of ours. */
function compileCache(): Record<string, string> {
  const folder = process.env['NODE_COMPILE_CACHE']
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
}

/** Reads a stream by lines; `find` resolves with the first, past or to come, that has the text in it. */
function linesOf(input: NodeJS.ReadableStream): {
  readonly lines: readonly string[]
  readonly find: (text: string) => Promise<string>
} {
  const lines: string[] = []
  const waiting = new Set<(line: string) => void>()
  createInterface({ input }).on('line', (line) => {
    lines.push(line)
    for (const take of waiting) take(line)
  })
  return {
    lines,
    find: (text) =>
      new Promise((resolve) => {
        const take = (line: string) => {
          if (!line.includes(text)) return
          waiting.delete(take)
          resolve(line)
        }
        waiting.add(take)
        for (const line of lines) take(line)
      }),
  }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
