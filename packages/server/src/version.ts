/** The version of this package. @module */

import { readFileSync } from 'node:fs'

// The manifest lies one folder above, both from the source and from what was built.
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** As in `package.json`. */
export const VERSION = manifest.version
