/**
 * Replaces the key that secrets are sealed with, also while a server runs.
 *
 *     key file    old      new old ─────────────────────────────────────────── new
 *     database    old seals        new offered ─▶ new seals, old opens ─▶ new seals
 *     values      old ───────────────────────── old and new ─▶ new ──────────────
 *
 * Wherever it is cut off, everything that is sealed can be opened with the keys of the file, and the next run goes on.
 *
 * @module
 */

import { PosthornError } from './domain/errors.ts'
import { newEncryptionKey } from './keys.ts'
import { keyIdOf } from './storage/key-ring.ts'
import type { Store } from './storage/store.ts'

/** Rows looked at in one step, which is one transaction. */
const STEP = 100

/** After a step this many times what it took is left to others. */
const REST_FACTOR = 2

/** How often a server that runs is asked whether it has the key, and for how long, in milliseconds. */
const ASK_MS = 100
const MAX_ASK_MS = 10_000

/** What a rotation works on. */
export interface RotationDeps {
  readonly store: Pick<
    Store,
    'listEncryptionKeys' | 'offerEncryptionKey' | 'sealWith' | 'resealSecrets' | 'forgetEncryptionKeys'
  >
  /** The keys that are given, the one to seal with first. */
  readonly keys: readonly Uint8Array[]
  /** Replaces the keys in their file; `null` where they are not from a file. */
  readonly writeKeys: ((keys: readonly Uint8Array[]) => void) | null
  /** Milliseconds of a clock that only goes forward. */
  readonly clock: () => number
  readonly sleep: (ms: number) => Promise<void>
  /** Tells how far it has come. */
  readonly say: (text: string) => void
}

/** What a rotation did. */
export interface RotationResult {
  /** Id of the key that seals now. */
  readonly keyId: string
  /** Values that were sealed again by this run. */
  readonly resealed: number
  /** Ids of the keys that nothing is sealed with any more. */
  readonly dropped: readonly string[]
}

/**
 * Makes a new key, seals everything with it and drops the old one; or goes on with what was begun before. Keys that are not
 * from a file are changed by who gives them: then everything is sealed with the first of them.
 *
 * @throws {PosthornError} `bad_config`: there is no key to change to. `data_in_use`: the server that runs does not take the
 *   new key. `bad_key`: a key is missing.
 */
export async function rotateEncryptionKey(deps: RotationDeps): Promise<RotationResult> {
  const { store, say } = deps
  const keys = await keysToRotate(deps)
  const keyId = keyIdOf(keys[0]!)
  await store.offerEncryptionKey(keyId)
  await sealWith(keyId, deps)
  say(`The key ${keyId} seals`)

  let resealed = 0
  let dropped: string[] | null
  do {
    resealed += await resealAll(deps)
    dropped = await store.forgetEncryptionKeys()
  } while (dropped === null)

  const older = keys.slice(1).map(keyIdOf)
  if (older.length > 0) deps.writeKeys?.(keys.slice(0, 1))
  return { keyId, resealed, dropped: [...new Set([...dropped, ...older])] }
}

async function keysToRotate({ store, keys, writeKeys, say }: RotationDeps): Promise<readonly Uint8Array[]> {
  const known = await store.listEncryptionKeys()
  if (keys.length > 1 || known.length > 1) {
    if (writeKeys !== null) say('Going on with the rotation that was begun before')
    return keys
  }
  if (writeKeys === null) {
    throw new PosthornError('bad_config', 'POSTHORN_ENCRYPTION_KEY has no key to change to', {
      hint: 'Put a new one (openssl rand -base64 32) and a comma in front of it, for the server first and then for this',
    })
  }
  const made = [newEncryptionKey(), ...keys]
  writeKeys(made)
  say(`Made the key ${keyIdOf(made[0]!)}`)
  return made
}

async function sealWith(keyId: string, { store, clock, sleep, say }: RotationDeps): Promise<void> {
  const startedAt = clock()
  let isSaid = false
  while (!(await store.sealWith(keyId))) {
    if (!isSaid) say('Waiting for the server that runs to take the key')
    isSaid = true
    if (clock() - startedAt >= MAX_ASK_MS) {
      throw new PosthornError('data_in_use', `The server that runs does not take the key ${keyId}`, {
        hint: 'It has its keys from elsewhere: start it again with the new key in front of the old one, or stop it; then run this again',
      })
    }
    await sleep(ASK_MS)
  }
}

async function resealAll({ store, clock, sleep, say }: RotationDeps): Promise<number> {
  let resealed = 0
  let after: string | null = null
  do {
    const startedAt = clock()
    const step: Awaited<ReturnType<Store['resealSecrets']>> = await store.resealSecrets(after, STEP)
    resealed += step.resealed
    after = step.next
    if (step.resealed > 0) say(`Sealed again: ${resealed}`)
    if (after !== null) await sleep(REST_FACTOR * (clock() - startedAt))
  } while (after !== null)
  return resealed
}
