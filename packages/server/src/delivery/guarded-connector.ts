/** Opens connections to addresses that the policy allows, directly or through the egress proxy. @module */

import { type Socket, isIP } from 'node:net'
import {
  type SecureContext,
  type SecureContextOptions,
  createSecureContext,
  getCACertificates,
} from 'node:tls'

import { buildConnector } from 'undici'

import { type AddressPolicy, classOf, plainAddress, refusalOf } from './address.ts'
import { portOf } from './destination.ts'
import { openTunnel } from './egress-proxy.ts'
import { type NameLookup, guardedLookup } from './guarded-lookup.ts'
import { plainHost } from './host-list.ts'
import { PostError, handshakeError } from './post-failure.ts'

/** The certificate by which we show who we are, with its private key: both PEM. */
export interface ClientCertificate {
  readonly certificate: string
  readonly key: string
}

/** What the operator asks of TLS. It is always verified: there is no option for that. */
export interface TlsPolicy {
  /** By default 1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Certificates (PEM) of authorities that are trusted beside the usual ones. */
  readonly extraAuthorities?: readonly string[]
}

/** How far a connection has come. */
export type ConnectionStage = 'name' | 'connection' | 'tls' | 'proxy' | 'tunnel'

/** A connection that is being made. */
export interface Opening {
  readonly stage: ConnectionStage
  /** Gives up: nothing is left behind, and nobody is called. */
  abort(): void
}

/** Makes one connection to the origin of a URL, and calls back once. */
export type OpenConnection = (
  url: URL,
  client: ClientCertificate | null,
  callback: (error: Error | null, socket: Socket | null) => void,
) => Opening

/** Options of {@link guardedConnector}. */
export interface ConnectorOptions {
  readonly policy: AddressPolicy
  readonly proxy: URL | null
  readonly lookup?: NameLookup | undefined
  readonly tls: TlsPolicy
}

/** Wait for one of several addresses before the next is tried too: longer than the way around the world. */
const ADDRESS_ATTEMPT_MS = 1_000

/** Client certificates whose TLS contexts are kept. */
const MAX_CONTEXTS = 1_000

/**
 * Returns the means to make connections.
 *
 * The address is checked here, when the connection is made: a literal in the URL, for which no lookup is ever called; each
 * resolved address; and at last the socket's own peer. With a proxy the first two are checked, and the proxy is asked for
 * the address and not for the name, so that it has nothing to resolve.
 */
export function guardedConnector({
  policy,
  proxy,
  lookup: nameLookup,
  tls,
}: ConnectorOptions): OpenConnection {
  const lookup = guardedLookup(policy, nameLookup)
  const trusted = authorities(tls.extraAuthorities ?? [])
  const connectorOf = connectors({ minVersion: tls.minVersion ?? 'TLSv1.2', ca: trusted }, lookup)

  return (url, client, callback) => {
    const host = plainHost(url.hostname)
    const literal = classOf(host) === null ? null : refusalOf(host, policy)
    const opening = newOpening(isIP(host) === 0 ? 'name' : 'connection', callback)
    if (literal !== null) {
      opening.fail(new PostError('blocked_address', literal))
      return opening
    }
    try {
      const connect = connectorOf(client)
      if (proxy === null) direct(url, host, connect, opening)
      else tunnelled(proxy, url, host, connect, opening)
    } catch (error) {
      opening.fail(error as Error)
    }
    return opening
  }

  function direct(url: URL, host: string, connect: Connector, opening: MutableOpening): void {
    const socket = connect(targetOf(url, host), (error, made) => {
      if (error === null) opening.succeed(made)
      else opening.fail(opening.stage === 'tls' ? handshakeError(error) : error)
    })
    socket
      .once('lookup', () => (opening.stage = 'connection'))
      .once('connect', () => {
        opening.stage = 'tls'
        // Before TLS begins. What else could be wrong with an address that was checked: nothing we know of.
        const refusal = refusalOf(socket.remoteAddress ?? '', policy)
        if (refusal !== null) socket.destroy(new PostError('blocked_address', refusal))
      })
    opening.onAbort = () => socket.destroy()
  }

  function tunnelled(
    through: URL,
    url: URL,
    host: string,
    connect: Connector,
    opening: MutableOpening,
  ): void {
    const aborter = new AbortController()
    opening.onAbort = () => aborter.abort()
    // A name is resolved here and not by the proxy, so that it is judged; an address was judged already.
    if (isIP(host) !== 0) return tunnelTo(host)
    return lookup(host, { all: false }, (error, address) => {
      if (error === null) tunnelTo(address as string)
      else opening.fail(error)
    })

    function tunnelTo(address: string): void {
      opening.stage = 'proxy'
      const target = { address: plainAddress(address), port: portOf(url) }
      openTunnel(through, target, {
        signal: aborter.signal,
        onAsked: () => (opening.stage = 'tunnel'),
        ca: trusted,
      }).then(
        (socket) => {
          if (url.protocol !== 'https:') return opening.succeed(socket)
          opening.stage = 'tls'
          opening.onAbort = () => socket.destroy()
          connect({ ...targetOf(url, host), httpSocket: socket }, (fault, made) => {
            if (fault === null) return opening.succeed(made)
            socket.destroy()
            return opening.fail(handshakeError(fault))
          })
        },
        (fault: Error) => opening.fail(fault),
      )
    }
  }
}

type Connector = (options: buildConnector.Options, callback: buildConnector.Callback) => Socket

interface MutableOpening extends Opening {
  stage: ConnectionStage
  onAbort: () => void
  fail(error: Error): void
  succeed(socket: Socket): void
}

function newOpening(stage: ConnectionStage, callback: Parameters<OpenConnection>[2]): MutableOpening {
  let isDone = false
  const opening: MutableOpening = {
    stage,
    onAbort: () => {},
    abort() {
      isDone = true
      opening.onAbort()
    },
    fail(error) {
      if (isDone) return
      isDone = true
      callback(error, null)
    },
    succeed(socket) {
      if (isDone) return void socket.destroy()
      isDone = true
      callback(null, socket)
    },
  }
  return opening
}

function targetOf(url: URL, host: string): buildConnector.Options {
  return {
    protocol: url.protocol,
    hostname: host,
    host: url.host,
    port: String(portOf(url)),
    // Without the dot at its end, which has no place in it (RFC 6066, section 3); none for an address.
    ...(isIP(host) === 0 ? { servername: host } : {}),
  }
}

/** Returns connectors by client certificate: one context each, and none shares the TLS sessions of another. */
function connectors(
  tls: SecureContextOptions,
  lookup: ReturnType<typeof guardedLookup>,
): (client: ClientCertificate | null) => Connector {
  const build = (client: ClientCertificate | null) =>
    // Declared as returning nothing; it returns the socket.
    buildConnector({
      lookup,
      secureContext: contextOf(tls, client),
      // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment changes nothing.
      rejectUnauthorized: true,
      allowH2: false,
      // The request has one deadline over everything.
      timeout: 0,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
    }) as unknown as Connector
  const plain = build(null)
  const made = new Map<string, Connector>()

  return (client) => {
    if (client === null) return plain
    const name = `${client.certificate}\n${client.key}`
    const connector = made.get(name) ?? build(client)
    // Last used, last to go.
    made.delete(name)
    made.set(name, connector)
    const [oldest] = made.keys()
    if (made.size > MAX_CONTEXTS) made.delete(oldest!)
    return connector
  }
}

function contextOf(options: SecureContextOptions, client: ClientCertificate | null): SecureContext {
  if (client === null) return createSecureContext(options)
  try {
    return createSecureContext({ ...options, cert: client.certificate, key: client.key })
  } catch (cause) {
    throw new PostError('tls_failure', `our client certificate cannot be used: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** Authorities given to TLS take the place of the usual ones, so those are named too; `undefined` for the usual alone. */
function authorities(extra: readonly string[]): string[] | undefined {
  return extra.length === 0 ? undefined : [...getCACertificates('default'), ...extra]
}
