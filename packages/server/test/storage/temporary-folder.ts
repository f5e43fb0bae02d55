/** A place for the files of one test. @module */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

/** Makes a folder that is removed when the test has ended, after what the test registered later. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'posthorn-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}
