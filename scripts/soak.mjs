// `npm run soak [-- test files]`: tests that have a longer form, at that length. Minutes, not seconds.
import { spawnSync } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'

import { ROOT, install, nodePath } from './install.mjs'

/** Tests that read `SOAK`. */
const FILES = [
  'packages/server/test/ordered-lines.test.ts',
  'packages/server/test/cluster/faults.test.ts',
  'packages/server/test/cluster/limits.test.ts',
]

install('all')
const given = process.argv.slice(2)
const bin = join(ROOT, 'node_modules', '.bin', 'vitest')
const path = [dirname(nodePath()), join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
const { status } = spawnSync(bin, ['run', ...(given.length > 0 ? given : FILES)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, PATH: path, SOAK: '1' },
  shell: process.platform === 'win32',
})
process.exit(status ?? 1)
