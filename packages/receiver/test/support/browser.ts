/**
 * A headless Chromium that npm alone brings: `@sparticuz/chromium` packs one for AWS Lambda, together with the system
 * libraries that it wants beside the C library. They are unpacked once, under node_modules, and always used, so that
 * nothing is to be installed by hand and every machine has the same. Any user may run it, root too.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'

const MODULES = new URL('../../../../node_modules/', import.meta.url).pathname

/** Takes the folder from TMPDIR, and unpacks the libraries for Lambda alone: hence a process of its own. */
const UNPACK = 'await (await import(process.argv[1])).default.executablePath()'

/**
 * The package's own list of font folders names those of Lambda. Without a font a page that has text crashes, and with
 * those of the machine its lines would break elsewhere on another.
 */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
`

// Not `--single-process`, as the package has it for Lambda: there a page that ends takes the browser along.
const ARGS = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars']

/**
 * Starts the browser. Close it when done: `await using` does.
 *
 * @throws {Error} This is no Linux on x64: the package has no other Chromium.
 */
export async function launchBrowser(): Promise<Browser> {
  const folder = await unpackedFolder()
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    headless: true,
    args: ARGS,
    env: {
      ...process.env,
      FONTCONFIG_PATH: join(folder, 'fonts'),
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
    },
  })
}

/** Tells whether there is a Chromium for this machine. */
export const HAS_BROWSER = process.platform === 'linux' && process.arch === 'x64'

/** Of each version once. Renamed when it is whole, as tests in several processes may want it at the same time. */
async function unpackedFolder(): Promise<string> {
  if (!HAS_BROWSER) throw new Error(`there is no Chromium for ${process.platform}-${process.arch} on npm`)
  const manifest = await readFile(join(MODULES, '@sparticuz', 'chromium', 'package.json'), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  const cache = join(MODULES, '.cache', 'posthorn')
  const folder = join(cache, `chromium-${version}`)
  if (existsSync(folder)) return folder

  await mkdir(cache, { recursive: true })
  const unfinished = await mkdtemp(join(cache, 'unpacking-'))
  const env = { ...process.env, TMPDIR: unfinished, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' }
  const args = ['--input-type=module', '--eval', UNPACK, import.meta.resolve('@sparticuz/chromium')]
  await promisify(execFile)(process.execPath, args, { env })
  await writeFile(join(unfinished, 'fonts', 'fonts.conf'), FONTS)
  await rename(unfinished, folder).catch(async (error: unknown) => {
    // Another process was faster, and its folder is as good.
    if (!existsSync(folder)) throw error
    await rm(unfinished, { recursive: true })
  })
  return folder
}
