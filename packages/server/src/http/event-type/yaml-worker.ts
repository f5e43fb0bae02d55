/** The thread that reads one text of YAML. @module */

import { parentPort, workerData } from 'node:worker_threads'

import { parse } from 'yaml'

import type { YamlAnswer } from './read-yaml.ts'

/** Characters of JSON that a text may grow to by its aliases. */
const MAX_JSON = 4 * 1_048_576

function answerTo(text: string): YamlAnswer {
  try {
    // As JSON, a value that contains itself is refused, and one that says something many times has to say it.
    const json = JSON.stringify(parse(text, { logLevel: 'error' }) ?? null)
    return json.length <= MAX_JSON ? { json } : { msg: 'is too large with its aliases resolved' }
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n')
    return { msg: `is neither JSON nor YAML: ${line.replace(/:$/, '')}` }
  }
}

parentPort!.postMessage(answerTo(workerData as string))
