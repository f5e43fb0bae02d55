/** Checks that several options share. @module */

import { type AddressList, parseAddressList } from '../delivery/address.ts'
import { type HostList, parseHostList } from '../delivery/host-list.ts'
import { Wrong } from './spec.ts'

/** Returns the origin of an http or https URL, or `null`. */
export function originOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && /^https?:$/.test(url.protocol) ? url.origin : null
}

/** Reads addresses and ranges, joined by commas. */
export function parseRanges(text: string): AddressList | Wrong {
  return parseAddressList(text) ?? new Wrong('addresses or ranges joined by commas, such as 10.0.0.0/8')
}

/** Reads names of hosts, joined by commas. */
export function parseHosts(text: string): HostList | Wrong {
  return (
    parseHostList(text) ?? new Wrong('names joined by commas, such as hooks.example.com or *.partner.example')
  )
}

/** Reads a switch, which files and the environment may also turn off. */
export function parseSwitch(text: string): boolean | Wrong {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  return new Wrong('true or false')
}
