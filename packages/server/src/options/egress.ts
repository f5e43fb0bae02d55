/** Options of where deliveries may go, and which way. @module */

import { DEFAULTS } from '../options.ts'
import { parseHosts, parseRanges, parseSwitch } from './parse.ts'
import { type OptionSpecs, Wrong } from './spec.ts'

/** Where deliveries may go, and which way. */
export const EGRESS_SPECS = {
  dev: {
    name: 'dev',
    value: null,
    shown: String(DEFAULTS.dev),
    help: 'For development: allows receivers on this machine, and plain http',
    parse: parseSwitch,
  },
  allowHttp: {
    name: 'allow-http',
    value: null,
    shown: String(DEFAULTS.allowHttp),
    help: 'Allows endpoints with plain http URLs',
    parse: parseSwitch,
  },
  allowAddresses: {
    name: 'allow-addresses',
    value: '<ranges>',
    shown: '',
    help: 'Addresses beyond public ones that deliveries may reach, such as 10.0.0.0/8,fd00::/8',
    parse: parseRanges,
  },
  denyAddresses: {
    name: 'deny-addresses',
    value: '<ranges>',
    shown: '',
    help: 'Addresses that deliveries never reach; counts more than what is allowed',
    parse: parseRanges,
  },
  allowPorts: {
    name: 'allow-ports',
    value: '<numbers>',
    shown: '',
    help: 'The only ports that endpoints may have, such as 443,8443; without it, all',
    parse(text) {
      const parts = text.split(',').map((part) => part.trim())
      const areRight = parts.every(
        (part) => /^\d{1,5}$/.test(part) && Number(part) >= 1 && Number(part) <= 65_535,
      )
      return areRight
        ? parts.map(Number)
        : new Wrong('whole numbers from 1 to 65535 joined by commas, such as 443,8443')
    },
  },
  allowHosts: {
    name: 'allow-hosts',
    value: '<names>',
    shown: '',
    help: 'The only hosts that endpoints may have, such as hooks.example.com,*.partner.example; without it, all',
    parse: parseHosts,
  },
  denyHosts: {
    name: 'deny-hosts',
    value: '<names>',
    shown: '',
    help: 'Hosts that endpoints may not have, such as *.internal.example; counts more than what is allowed',
    parse: parseHosts,
  },
  proxy: {
    name: 'proxy',
    value: '<url>',
    shown: '',
    help: 'Egress proxy that deliveries go through: http, https or socks5, with user and password where it asks for them. Addresses are checked before it',
    // Its URL may hold a password.
    isSecret: true,
    parse(text) {
      const url = URL.parse(text)
      const isRight = url !== null && /^(http|https|socks5):$/.test(url.protocol) && url.hostname !== ''
      return isRight
        ? url
        : new Wrong('a URL such as http://proxy.example:3128 or socks5://user:password@proxy.example:1080')
    },
  },
  tlsMinVersion: {
    name: 'tls-min-version',
    value: '<version>',
    shown: '1.2',
    help: 'Oldest version of TLS that is spoken to endpoints: 1.2 or 1.3',
    parse: (text) => (text === '1.2' || text === '1.3' ? (`TLSv${text}` as const) : new Wrong('1.2 or 1.3')),
  },
  tlsCaFile: {
    name: 'tls-ca-file',
    value: '<path>',
    shown: '',
    help: 'PEM file of authorities whose certificates are trusted beside the usual ones, for private receivers and the egress proxy',
    parse: (text) => (text.trim() === '' ? new Wrong('the path of a file') : text),
  },
  egressAddresses: {
    name: 'egress-addresses',
    value: '<ranges>',
    shown: '',
    help: 'Addresses that deliveries come from, which GET /api/v1/egress tells consumers to admit',
    parse: parseRanges,
  },
} satisfies Partial<OptionSpecs>
