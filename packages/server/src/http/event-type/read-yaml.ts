/** Reads YAML in a thread of its own: a text of a few kilobytes can keep a parser busy for minutes. @module */

import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

/** What came of a text: its value, or why it has none. */
export type ReadYaml =
  { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'fault'; readonly msg: string }

/** What the thread says: the value as JSON, or why there is none. */
export type YamlAnswer = { readonly json: string } | { readonly msg: string }

/** A text of 1 MiB takes one or two seconds. */
const DEADLINE_MS = 10_000

const MAX_HEAP_MB = 256

/** One text at a time, however many ask. */
let turn: Promise<unknown> = Promise.resolve()

/** Reads YAML 1.2, or JSON, within a deadline and a bound of memory. */
export function readYaml(text: string, deadlineMs = DEADLINE_MS): Promise<ReadYaml> {
  const read = turn.then(() => readInThread(text, deadlineMs))
  turn = read
  return read
}

async function readInThread(text: string, deadlineMs: number): Promise<ReadYaml> {
  // The same name in source (.ts) and in what is published (.js).
  const url = new URL(`./yaml-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  const worker = new Worker(url, {
    workerData: text,
    name: 'yaml',
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  })
  try {
    const answer = await new Promise<YamlAnswer>((resolve) => {
      const timer = setTimeout(() => resolve({ msg: 'takes too long to be read' }), deadlineMs)
      const end = (given: YamlAnswer) => {
        clearTimeout(timer)
        resolve(given)
      }
      worker.on('message', (given: YamlAnswer) => end(given))
      worker.on('error', () => end({ msg: 'takes too much memory to be read' }))
      worker.on('exit', () => end({ msg: 'cannot be read' }))
    })
    if ('msg' in answer) return { kind: 'fault', msg: answer.msg }
    return { kind: 'value', value: JSON.parse(answer.json) as unknown }
  } finally {
    await worker.terminate()
  }
}
