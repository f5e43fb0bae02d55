// `npm run build`: makes what is published, in the `dist` of each package. The receiver first: the server needs its types.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT, install, nodePath } from './install.mjs'

install('all')
for (const name of ['receiver', 'server']) {
  const folder = join(ROOT, 'packages', name)
  rmSync(join(folder, 'dist'), { recursive: true, force: true })
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status } = spawnSync(nodePath(), [tsc, '-p', join(folder, 'tsconfig.build.json')], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
