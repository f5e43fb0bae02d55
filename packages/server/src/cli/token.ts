/** `posthorn token`: makes, lists and revokes tokens, also while the server runs. @module */

import { Command } from 'commander'

import { bootstrap, openStore } from '../app.ts'
import { PosthornError } from '../domain/errors.ts'
import { newToken } from '../domain/token.ts'
import { hashToken } from '../http/authentication.ts'
import type { Store } from '../storage/store.ts'
import { addOptions, givenOptions } from './given-options.ts'

/** Returns the command. */
export function tokenCommand(): Command {
  const create = new Command('create')
    .description('Make a token and print it: it is shown this once')
    .option('--name <text>', 'What it is for', 'unnamed')
    .option('--application <id>', 'Id or uid of the one application that it opens; without it, all of them')
  create.action(async () => {
    const { name, application } = create.opts<{ name: string; application?: string }>()
    await withStore(create, async (store, organisationId) => {
      const applicationId = application === undefined ? null : await idOf(store, organisationId, application)
      const made = newToken({ name, organisationId, applicationId, hashToken, now: Date.now() })
      await store.createToken(made.token)
      process.stderr.write(`${made.token.id} (${name}). This is the only time that the token is shown:\n`)
      process.stdout.write(`${made.text}\n`)
    })
  })

  const list = new Command('list').description('List the tokens: never their text')
  list.action(async () => {
    await withStore(list, async (store, organisationId) => {
      for (const token of await store.listTokens(organisationId)) {
        const state =
          token.revokedAt === null ? 'active' : `revoked ${new Date(token.revokedAt).toISOString()}`
        const reach = token.applicationId ?? 'organisation'
        const madeAt = new Date(token.createdAt).toISOString()
        process.stdout.write(`${token.id}  ${token.prefix}…  ${reach}  ${madeAt}  ${state}  ${token.name}\n`)
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
      process.stdout.write(`Revoked ${token.id} (${token.name})\n`)
    })
  })

  const command = new Command('token').description('Make, list and revoke tokens of the API')
  for (const each of [create, list, revoke]) command.addCommand(addOptions(each, ['data']))
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

async function idOf(store: Store, organisationId: string, idOrUid: string): Promise<string> {
  const application = await store.findApplication(organisationId, idOrUid)
  if (application !== null) return application.id
  throw new PosthornError('not_found', `There is no application ${idOrUid}`)
}
