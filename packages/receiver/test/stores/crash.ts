/** A process that dies in the handler. @module */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Resolves when a process has begun `key` in the store and was killed. */
export async function crashIn(
  kind: string,
  place: string,
  key: string,
  nowMs: number,
  ...more: string[]
): Promise<void> {
  const script = fileURLToPath(new URL('crash-in-handler.ts', import.meta.url))
  const args = [
    '--no-warnings',
    '--conditions=@posthorn/source',
    script,
    kind,
    place,
    key,
    String(nowMs),
    ...more,
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (signal !== 'SIGKILL') throw new Error('it ended before it was killed')
}
