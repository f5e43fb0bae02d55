// `npm run bench`: installs what working on Posthorn needs, then measures. See bench/main.ts for what it takes.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { ROOT, install, nodePath } from './install.mjs'

install('all')
const args = ['--conditions=@posthorn/source', join(ROOT, 'bench', 'main.ts'), ...process.argv.slice(2)]
process.exit(spawnSync(nodePath(), args, { stdio: 'inherit' }).status ?? 1)
