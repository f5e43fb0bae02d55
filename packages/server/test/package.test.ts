import { execFileSync, spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { expect, onTestFinished, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const PACKAGES = { '@posthorn/receiver': 'receiver', posthorn: 'server' } as const

/** Packs both packages and unpacks them where npm would put them; their dependencies are those of the repository. */
function installPacked(): string {
  const builds = Object.values(PACKAGES).map((workspace) => {
    const manifest = readFileSync(join(ROOT, 'packages', workspace, 'package.json'), 'utf8')
    return (JSON.parse(manifest) as { scripts: { prepack: string } }).scripts.prepack
  })
  expect(new Set(builds)).toEqual(new Set(['node ../../scripts/build.mjs']))
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-package-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, workspace] of Object.entries(PACKAGES)) {
    const place = join(folder, 'node_modules', name)
    mkdirSync(place, { recursive: true })
    // Either builds both before it packs, so what the first has built serves the second.
    const more = workspace === 'receiver' ? [] : ['--ignore-scripts']
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, ...more], {
      cwd: join(ROOT, 'packages', workspace),
      stdio: 'pipe',
    })
    const file = readdirSync(folder).find((entry) => entry.endsWith('.tgz'))!
    execFileSync('tar', ['-xzf', join(folder, file), '-C', place, '--strip-components=1'])
    rmSync(join(folder, file))
  }
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name.startsWith('.') || name === 'posthorn' || name === '@posthorn') continue
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  return folder
}

test('what is packed runs in an empty folder: the server starts, and the receiver verifies', async () => {
  const folder = installPacked()
  const places = Object.keys(PACKAGES).map((name) => join(folder, 'node_modules', name))
  for (const place of places) {
    const files = readdirSync(place)
    expect(files).toContain('LICENSE')
    expect(files).not.toContain('src')
  }

  const script = `
    import { generateSecret, signHeaders, standardWebhooks, verify } from '@posthorn/receiver'
    const secret = generateSecret()
    const message = { id: 'msg_1', timestamp: Math.floor(Date.now() / 1000), body: 'hello' }
    const result = await verify({ headers: await signHeaders(secret, message), body: 'hello' }, standardWebhooks({ secrets: secret }))
    process.stdout.write(String(result.ok))`
  const run = ['--input-type=module', '--eval', script]
  expect(execFileSync(process.execPath, run, { cwd: folder }).toString()).toBe('true')

  const { exports } = JSON.parse(readFileSync(join(places[0]!, 'package.json'), 'utf8')) as {
    exports: object
  }
  const subpaths = Object.keys(exports).map((path) => `@posthorn/receiver${path.slice(1)}`)
  const imports = `for (const path of ${JSON.stringify(subpaths)}) await import(path)`
  execFileSync(process.execPath, ['--input-type=module', '--eval', imports], { cwd: folder })

  const embedded = `
    import { createPosthorn } from 'posthorn'
    const posthorn = createPosthorn({ data: 'embedded' })
    await posthorn.start()
    const application = { name: 'Acme', uid: 'acme' }
    const sent = await posthorn.send('acme', { eventType: 'a', payload: '{"n": 1.0}', application })
    const shown = await posthorn.fetch(new Request('http://localhost/api/v1/health'))
    await posthorn.stop()
    process.stdout.write(sent.id.slice(0, 4) + shown.status)`
  const runEmbedded = ['--input-type=module', '--eval', embedded]
  expect(execFileSync(process.execPath, runEmbedded, { cwd: folder }).toString()).toBe('msg_204')
  writeFileSync(
    join(folder, 'app.mts'),
    `import { type SentMessage, createPosthorn } from 'posthorn'
    const posthorn = createPosthorn({ data: './data', attemptTimeout: '3s' })
    const sent: SentMessage = await posthorn.send('acme', { eventType: 'a', payload: { n: 1 } })
    // @ts-expect-error It has a name.
    await posthorn.send('acme', { payload: {} })
    export const at: Date = sent.createdAt`,
  )
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const strictly = [
    '--noEmit',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--module',
    'nodenext',
    '--types',
    'node',
  ]
  execFileSync(process.execPath, [tsc, ...strictly, 'app.mts'], { cwd: folder, stdio: 'inherit' })

  const bin = join(folder, 'node_modules', 'posthorn', 'bin', 'posthorn.js')
  const server = spawn(process.execPath, [bin, 'serve', '--port', '0', '--data', join(folder, 'data')], {
    cwd: folder,
    env: { PATH: dirname(process.execPath) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void server.kill('SIGKILL'))
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /"url":"(http:[^"]*)"/.exec(line)?.[1]
    if (url === undefined) continue
    expect((await fetch(`${url}/api/v1/health`)).status).toBe(204)
    return
  }
  throw new Error('the server did not start')
}, 120_000)
