/** `posthorn token`: makes, lists and revokes tokens, also while the server runs. @module */

import { Command } from 'commander'

import { bootstrap } from '../app.ts'
import { PosthornError } from '../domain/errors.ts'
import { type Token, newToken } from '../domain/token.ts'
import { parseDuration } from '../duration.ts'
import { hashToken } from '../http/authentication.ts'
import { STORE_OPTIONS, openStore } from '../open-store.ts'
import type { PageRequest } from '../storage/port/page.ts'
import type { Store } from '../storage/store.ts'
import { addOptions, givenOptions } from './given-options.ts'
import { recordCommand } from './record.ts'

/** Tokens read at a time. */
const PAGE = 250

interface CreateOptions {
  readonly name: string
  readonly application?: string
  readonly readOnly: boolean
  readonly expires?: string
}

/** Returns the command. */
export function tokenCommand(): Command {
  const create = new Command('create')
    .description('Make a token and print it: it is shown this once')
    .option('--name <text>', 'What it is for', 'unnamed')
    .option('--application <id>', 'Id or uid of the one application that it opens; without it, all of them')
    .option('--read-only', 'Refuse it on everything that writes', false)
    .option('--expires <duration>', 'Refuse it from then on, such as 30d; without it, never')
  create.action(async () => {
    const { name, application, readOnly, expires } = create.opts<CreateOptions>()
    const expiryMs = expires === undefined ? null : expiryOf(expires)
    await withStore(create, async (store, organisationId) => {
      const applicationId = application === undefined ? null : await idOf(store, organisationId, application)
      const now = Date.now()
      const made = newToken({
        name,
        organisationId,
        applicationId,
        isReadOnly: readOnly,
        expiresAt: expiryMs === null ? null : now + expiryMs,
        hashToken,
        now,
      })
      await store.createToken(made.token)
      await recordWrite(store, made.token, { method: 'POST', route: '/auth/api-token', status: 201, at: now })
      process.stderr.write(`${made.token.id} (${name}). This is the only time that the token is shown:\n`)
      process.stdout.write(`${made.text}\n`)
    })
  })

  const list = new Command('list').description(
    'List the tokens, never their text; those of portal links are left out',
  )
  list.action(async () => {
    await withStore(list, async (store, organisationId) => {
      for (let after: string | null = null; ;) {
        const page: PageRequest = { limit: PAGE, order: 'ascending', after }
        const tokens = await store.listApiTokens(organisationId, page)
        for (const token of tokens) process.stdout.write(`${lineOf(token, Date.now())}\n`)
        if (tokens.length < PAGE) return
        after = tokens.at(-1)!.id
      }
    })
  })

  const revoke = new Command('revoke')
    .description('Revoke a token: a running server refuses it within a second')
    .argument('<id>', 'Its id, or the first characters as the list shows them')
  revoke.action(async (idOrPrefix: string) => {
    await withStore(revoke, async (store, organisationId) => {
      const token = await store.revokeToken(organisationId, idOrPrefix.replace(/…$/, ''), Date.now())
      if (token === null) {
        throw new PosthornError('not_found', `There is no active token ${idOrPrefix}`, {
          hint: '"posthorn token list" shows them',
        })
      }
      const route = '/auth/api-token/:token_id'
      await recordWrite(store, token, { method: 'DELETE', route, status: 204, at: Date.now() })
      process.stdout.write(`Revoked ${token.id} (${token.name})\n`)
    })
  })

  const command = new Command('token').description('Make, list and revoke tokens of the API')
  for (const each of [create, list, revoke]) command.addCommand(addOptions(each, STORE_OPTIONS))
  return command
}

async function withStore(
  command: Command,
  work: (store: Store, organisationId: string) => Promise<void>,
): Promise<void> {
  const { store } = openStore(givenOptions(command), { isExclusive: false })
  await store.start()
  try {
    const existing = await store.findOrganisation()
    const made = existing === null ? await bootstrap(store, null, Date.now()) : null
    if (made !== null) {
      process.stderr.write(`A new database was made, with the token of its organisation: ${made.text}\n`)
    }
    await work(store, existing ?? made!.token.organisationId)
  } finally {
    await store.stop()
  }
}

/** Notes what was done to a token, as the route that does the same would be noted. */
async function recordWrite(
  store: Store,
  { id, organisationId, applicationId }: Token,
  { at, ...write }: { method: string; route: string; status: number; at: number },
): Promise<void> {
  await recordCommand(store, { organisationId, applicationId, resources: { id }, createdAt: at, ...write })
}

/** @throws {PosthornError} `bad_config`: not a duration. */
function expiryOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== null && ms > 0) return ms
  throw new PosthornError('bad_config', `--expires: ${JSON.stringify(text)} is not right`, {
    hint: 'Give a duration such as 12h or 30d',
  })
}

function lineOf(token: Token, now: number): string {
  const instant = (at: number) => new Date(at).toISOString()
  const { expiresAt, revokedAt, lastUsedAt } = token
  const state =
    revokedAt !== null
      ? `revoked ${instant(revokedAt)}`
      : expiresAt !== null && expiresAt <= now
        ? `expired ${instant(expiresAt)}`
        : 'active'
  return [
    token.id,
    `${token.prefix}…`,
    (token.applicationId ?? 'organisation') + (token.isReadOnly ? ' read-only' : ''),
    instant(token.createdAt),
    `expires ${expiresAt === null ? 'never' : instant(expiresAt)}`,
    `used ${lastUsedAt === null ? 'never' : instant(lastUsedAt)}`,
    state,
    token.name,
  ].join('  ')
}

async function idOf(store: Store, organisationId: string, idOrUid: string): Promise<string> {
  const application = await store.findApplication(organisationId, idOrUid)
  if (application !== null) return application.id
  throw new PosthornError('not_found', `There is no application ${idOrUid}`)
}
