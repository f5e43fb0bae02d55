/** The package as a bundler sees it, for what runs outside Node. @module */

import { build } from 'esbuild'

/** A bundle for any runtime: what esbuild made, and the files that are in it. */
export interface Bundle {
  readonly code: Uint8Array
  readonly text: string
  /** The sources that have bytes in the bundle, from `packages/receiver/src/` on. */
  readonly files: readonly string[]
}

const SOURCE = new URL('../../src/', import.meta.url).pathname

/**
 * Bundles and minifies a module that is written in `source`, which imports the package by its name. `neutral` knows no
 * built-in module of any runtime: an import of one fails.
 *
 * @param globalName - Makes a script that leaves the exports in this variable, in the place of a module.
 */
export async function bundle(source: string, globalName?: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: SOURCE },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'neutral',
    conditions: ['@posthorn/source'],
    target: 'es2022',
    logLevel: 'silent',
    ...(globalName === undefined ? { format: 'esm' } : { format: 'iife', globalName }),
  })
  const [output] = Object.values(metafile.outputs)
  const used = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  const files = used.map(([path]) => path.replace(/^.*packages\/receiver\/src\//, ''))
  const [{ contents: code, text } = { contents: new Uint8Array(), text: '' }] = outputFiles
  return { code, text, files: files.filter((file) => file !== '<stdin>').toSorted() }
}
