/** `posthorn keys`: shows and replaces the keys of an installation, also while the server runs. @module */

import { setTimeout as sleep } from 'node:timers/promises'

import { Command } from 'commander'

import { PosthornError } from '../domain/errors.ts'
import { newSigningKey, publicHalf } from '../domain/signing-key.ts'
import { parseDuration } from '../duration.ts'
import { rotateEncryptionKey } from '../key-rotation.ts'
import { writeKeyFile } from '../keys.ts'
import { STORE_OPTIONS, claimKeys, openStore } from '../open-store.ts'
import type { Options } from '../options.ts'
import type { Store } from '../storage/store.ts'
import { addOptions, givenOptions } from './given-options.ts'
import { recordCommand } from './record.ts'

const LONGEST_GRACE_MS = 90 * 86_400_000

/** Returns the command. */
export function keysCommand(): Command {
  const list = new Command('list').description(
    'List the keys by their ids, and the public halves of those that sign',
  )
  list.action(async () => withStore(givenOptions(list), listKeys))

  const rotate = new Command('rotate')
    .description(
      'Encrypt all secrets in the database with a new key; cut off, it goes on when it is run again',
    )
    .addHelpText(
      'after',
      `
The new key is put before the old one in the key file, every secret is encrypted with it in small steps, and then
the old key is dropped. Backups of the database from before need the old key: keep it with them.
Where POSTHORN_ENCRYPTION_KEY holds the key: put a new one and a comma in front of it, restart the server, run this
with the same value, and take the old one away.`,
    )
  rotate.action(async () => rotateKey(givenOptions(rotate)))

  const rotateSigning = new Command('rotate-signing')
    .description(
      'Replace the key that v1a and rfc9421 signatures are made with; the one before signs too for a while',
    )
    .option('--grace <duration>', 'For how long the key before goes on signing, such as 30d', '7d')
  rotateSigning.action(async () => {
    const graceMs = graceOf(rotateSigning.opts<{ grace: string }>().grace)
    await withStore(givenOptions(rotateSigning), async (store) => {
      const now = Date.now()
      const key = newSigningKey(now)
      await store.rotateSigningKey(key, graceMs, now)
      await recordKey(store, 'keys rotate-signing', key.id)
      process.stderr.write(
        `The key ${key.id} signs now, in a running server within a second. The one before signs beside it until ` +
          `${new Date(now + graceMs).toISOString()}\n`,
      )
      process.stdout.write(`${publicHalf(key).publicKey}\n`)
    })
  })

  const command = new Command('keys').description('Show and replace the encryption key and the signing key')
  for (const each of [list, rotate, rotateSigning]) {
    command.addCommand(addOptions(each, STORE_OPTIONS))
  }
  return command
}

async function listKeys(store: Store): Promise<void> {
  for (const { id, state } of await store.listEncryptionKeys()) {
    process.stdout.write(`encryption  ${id}  ${state}\n`)
  }
  for (const key of await store.listSigningKeys()) {
    const until =
      key.expiresAt === null ? 'until it is replaced' : `until ${new Date(key.expiresAt).toISOString()}`
    const { id, publicKey } = publicHalf(key)
    process.stdout.write(
      `signing  ${id}  from ${new Date(key.createdAt).toISOString()}  ${until}  ${publicKey}\n`,
    )
  }
}

async function rotateKey(options: Options): Promise<void> {
  const release = await claimKeys(options)
  try {
    await withStore(options, async (store, { keys, file }) => {
      const { keyId, resealed, dropped } = await rotateEncryptionKey({
        store,
        keys,
        writeKeys: file === null ? null : (next) => writeKeyFile(file, next),
        clock: () => performance.now(),
        sleep,
        say: (text) => void process.stderr.write(`${text}\n`),
      })
      await recordKey(store, 'keys rotate', keyId)
      const what = dropped.length === 0 ? '' : `; nothing needs ${dropped.join(', ')} any more`
      process.stdout.write(`Everything is sealed with ${keyId}: ${resealed} values now${what}\n`)
    })
  } finally {
    await release()
  }
}

/** Notes that a key came into use; nowhere, as long as no server has started on this database. */
async function recordKey(store: Store, command: string, keyId: string): Promise<void> {
  const organisationId = await store.findOrganisation()
  if (organisationId === null) return
  await recordCommand(store, {
    organisationId,
    applicationId: null,
    method: 'CLI',
    route: command,
    resources: { id: keyId },
    status: 200,
    createdAt: Date.now(),
  })
}

async function withStore(
  options: Options,
  work: (store: Store, keys: ReturnType<typeof openStore>['keys']) => Promise<void>,
): Promise<void> {
  const { store, keys } = openStore(options, { isExclusive: false })
  await store.start()
  try {
    await work(store, keys)
  } finally {
    await store.stop()
  }
}

/** @throws {PosthornError} `bad_config`: not a duration, or too long. */
function graceOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== null && ms >= 0 && ms <= LONGEST_GRACE_MS) return ms
  throw new PosthornError('bad_config', `--grace: ${JSON.stringify(text)} is not right`, {
    hint: 'Give a duration of at most 90d, such as 12h or 30d',
  })
}
