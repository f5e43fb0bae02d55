/** Resolves names to addresses that the policy allows. @module */

import { type LookupAddress, lookup as lookupName } from 'node:dns'
import type { LookupFunction } from 'node:net'

import { type AddressPolicy, refusalOf } from './address.ts'
import { PostError } from './post-failure.ts'

/** Resolves names as `dns.lookup` does. */
export type NameLookup = typeof lookupName

type Take = (error: Error | null, addresses: LookupAddress[]) => void

/**
 * Returns a lookup for sockets that gives only addresses which the policy allows, and fails where there is none.
 *
 * Who asks for a name that is being resolved waits for that answer. The system's resolver has four threads for the whole
 * process: without this, sixteen attempts at one name whose server is silent would hold them all, and stop everybody's.
 * An answer is not kept beyond that, so that each connection is judged by what the name resolves to now.
 */
export function guardedLookup(policy: AddressPolicy, lookup: NameLookup = lookupName): LookupFunction {
  const waiting = new Map<string, Take[]>()

  return (hostname, options, callback) => {
    const judge: Take = (error, addresses) => {
      if (error !== null) {
        return callback(new PostError('dns_failure', error.message, { cause: error }), [])
      }
      const allowed = addresses.filter(({ address }) => refusalOf(address, policy) === null)
      const [first] = allowed
      if (first === undefined) return callback(refusalOfAll(hostname, addresses, policy), [])
      return options.all === true ? callback(null, allowed) : callback(null, first.address, first.family)
    }

    const key = `${hostname} ${options.family} ${options.hints}`
    const others = waiting.get(key)
    if (others !== undefined) return void others.push(judge)
    const takers = [judge]
    waiting.set(key, takers)
    const finish: Take = (error, addresses) => {
      waiting.delete(key)
      for (const take of takers) take(error, addresses)
    }
    try {
      lookup(hostname, { ...options, all: true }, finish)
    } catch (error) {
      finish(error as Error, [])
    }
  }
}

function refusalOfAll(
  hostname: string,
  addresses: readonly LookupAddress[],
  policy: AddressPolicy,
): PostError {
  if (addresses.length === 0) return new PostError('dns_failure', `${hostname} resolves to no address`)
  const refusals = addresses.map(({ address }) => refusalOf(address, policy)).join(', ')
  return new PostError('blocked_address', `${hostname} resolves to no allowed address: ${refusals}`)
}
