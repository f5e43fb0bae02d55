/** Tunnels through the operator's egress proxy: HTTP CONNECT or SOCKS5. @module */

import { once } from 'node:events'
import { type Socket, connect, isIP } from 'node:net'
import { TLSSocket, connect as connectTls } from 'node:tls'

import type { FailureReason } from '../domain/delivery.ts'
import { PostError } from './post-failure.ts'

/** Bytes of a proxy's answer, at most. */
const MAX_ANSWER_BYTES = 16_384

/** What a proxy is spoken to in: writes, and reads so many bytes or up to a mark. */
interface Dialogue {
  readonly connected: Promise<unknown>
  write(bytes: Uint8Array | string): void
  read(until: number | string): Promise<Buffer>
}

/** What a tunnel is made with. */
export interface TunnelOptions {
  /** Gives up, and closes what there is. */
  readonly signal: AbortSignal
  /** Called when the proxy has been asked for the address: what goes wrong from then on may be the endpoint's. */
  readonly onAsked: () => void
  /** All authorities that are trusted, where they are not the usual ones. */
  readonly ca?: readonly string[] | undefined
}

/**
 * Opens a connection through a proxy to an address that was checked: the name was resolved here, so the guard's verdict
 * holds, and the proxy learns no name.
 *
 * What fails is the proxy's fault (`proxy_failure`), unless the proxy says that the address could not be reached: then it
 * is the reason that a connection of our own would have failed with. Which proxy it is stays out of the message: the
 * endpoint's owner reads it.
 *
 * @param proxy - `http://`, `https://` or `socks5://`, with user and password where it asks for them.
 * @throws {PostError} No tunnel was made.
 */
export async function openTunnel(
  proxy: URL,
  target: { readonly address: string; readonly port: number },
  { signal, onAsked, ca }: TunnelOptions,
): Promise<Socket> {
  const socket = connectToProxy(proxy, ca)
  const abort = () => socket.destroy(new Error('it made no tunnel in time'))
  signal.addEventListener('abort', abort)
  // For what comes while nobody reads: an error without a listener would end the process.
  socket.setNoDelay(true).on('error', () => {})
  try {
    const dialogue = dialogueOn(socket)
    if (proxy.protocol === 'socks5:') await socks(dialogue, proxy, target, onAsked)
    else await httpConnect(dialogue, proxy, target, onAsked)
    return socket
  } catch (cause) {
    socket.destroy()
    if (cause instanceof PostError) throw cause
    throw proxyFault(`failed: ${messageWithoutAddress(cause as NodeJS.ErrnoException)}`, { cause })
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function proxyFault(
  what: string,
  {
    reason = 'proxy_failure',
    cause,
  }: { readonly reason?: FailureReason | undefined; readonly cause?: unknown } = {},
): PostError {
  return new PostError(reason, `the egress proxy ${what}`, { cause })
}

/** The words of the system have the proxy's address in them. */
function messageWithoutAddress({ code, syscall, message }: NodeJS.ErrnoException): string {
  return syscall === undefined ? message : `${syscall} ${code}`
}

function connectToProxy(proxy: URL, ca: readonly string[] | undefined): Socket {
  const host = proxy.hostname.replace(/^\[(.*)\]$/, '$1')
  const defaultPort = { 'http:': 80, 'https:': 443, 'socks5:': 1_080 }[proxy.protocol]
  const port = proxy.port === '' ? defaultPort! : Number(proxy.port)
  if (proxy.protocol !== 'https:') return connect(port, host)
  return connectTls({
    host,
    port,
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
}

/** Reads what comes on a socket as it is asked for; what comes beyond stays in the socket. */
function dialogueOn(socket: Socket): Dialogue {
  const connected = once(socket, socket instanceof TLSSocket ? 'secureConnect' : 'connect')
  // It fails for who reads, too.
  connected.catch(() => {})
  return {
    connected,
    write: (bytes) => socket.write(bytes),
    read: (until) =>
      new Promise((resolve, reject) => {
        let received: Buffer = Buffer.alloc(0)
        const done = (act: () => void) => {
          socket.off('readable', take).off('error', fail).off('end', end)
          act()
        }
        const fail = (error: Error) => done(() => reject(error))
        const end = () => fail(new Error('it closed the connection'))
        const take = () => {
          const chunk = socket.read() as Buffer | null
          if (chunk === null) return
          received = Buffer.concat([received, chunk])
          const at = typeof until === 'number' ? until : received.indexOf(until) + until.length
          const isWhole = typeof until === 'number' ? received.length >= until : received.includes(until)
          if (isWhole) {
            done(() => {
              if (received.length > at) socket.unshift(received.subarray(at))
              resolve(received.subarray(0, at))
            })
          } else if (received.length > MAX_ANSWER_BYTES) fail(new Error('its answer has no end'))
        }
        socket.on('readable', take).on('error', fail).on('end', end)
        take()
      }),
  }
}

/** RFC 9110, section 9.3.6. */
async function httpConnect(
  dialogue: Dialogue,
  proxy: URL,
  { address, port }: { readonly address: string; readonly port: number },
  onAsked: () => void,
): Promise<void> {
  const authority = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`
  const credentials = credentialsOf(proxy)
  const authorization =
    credentials === null
      ? ''
      : `proxy-authorization: Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}\r\n`
  dialogue.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${authorization}\r\n`)
  await dialogue.connected
  onAsked()
  const head = (await dialogue.read('\r\n\r\n')).toString('latin1')
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
  if (status === undefined) throw proxyFault('does not speak HTTP')
  if (!status.startsWith('2')) throw proxyFault(`answered ${status}`, { reason: HTTP_REASONS[status] })
}

/** Statuses by which a gateway speaks of the other side (RFC 9110, sections 15.6.3 and 15.6.5). */
const HTTP_REASONS: Readonly<Record<string, FailureReason>> = {
  502: 'network_failure',
  504: 'connect_timeout',
}

const SOCKS_VERSION = 5
const NO_AUTHENTICATION = 0
const USER_AND_PASSWORD = 2
/** Source: RFC 1928, section 6. */
const SOCKS_REFUSALS: Readonly<Record<number, readonly [what: string, FailureReason]>> = {
  1: ['failed', 'proxy_failure'],
  2: ['does not allow it', 'proxy_failure'],
  3: ['cannot reach the network', 'network_failure'],
  4: ['cannot reach the host', 'network_failure'],
  5: ['was refused by the host', 'connection_refused'],
  6: ['got no answer in time', 'connect_timeout'],
}

/** RFC 1928, and RFC 1929 for user and password. */
async function socks(
  dialogue: Dialogue,
  proxy: URL,
  { address, port }: { readonly address: string; readonly port: number },
  onAsked: () => void,
): Promise<void> {
  const credentials = credentialsOf(proxy)
  dialogue.write(
    Uint8Array.of(SOCKS_VERSION, 1, credentials === null ? NO_AUTHENTICATION : USER_AND_PASSWORD),
  )
  const [version, method] = await dialogue.read(2)
  if (version !== SOCKS_VERSION) throw proxyFault('does not speak SOCKS5')
  if (method === USER_AND_PASSWORD && credentials !== null) {
    const [user, password] = [Buffer.from(credentials.user), Buffer.from(credentials.password)]
    dialogue.write(Buffer.concat([Buffer.of(1, user.length), user, Buffer.of(password.length), password]))
    if ((await dialogue.read(2))[1] !== 0) throw proxyFault('refuses user and password')
  } else if (method !== NO_AUTHENTICATION) {
    throw proxyFault('wants another authentication')
  }

  const isV6 = isIP(address) === 6
  const bytes = isV6 ? v6Bytes(address) : Buffer.from(address.split('.').map(Number))
  const request = Buffer.of(SOCKS_VERSION, 1, 0, isV6 ? 4 : 1)
  dialogue.write(Buffer.concat([request, bytes, Buffer.of(port >> 8, port & 255)]))
  onAsked()
  const [, reply = 0, , kind = 1] = await dialogue.read(4)
  if (reply !== 0) {
    const [what, reason] = SOCKS_REFUSALS[reply] ?? [`answered ${reply}`, 'proxy_failure']
    throw proxyFault(what, { reason })
  }
  // The address that it bound, which nobody needs: 4 bytes, 16, or a name with its length before it; then a port.
  const length = kind === 1 ? 4 : kind === 4 ? 16 : (await dialogue.read(1))[0]!
  await dialogue.read(length + 2)
}

function v6Bytes(address: string): Buffer {
  // The URL parser writes any IPv6 text in hexadecimal groups, with at most one gap.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const gap = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return Buffer.from([...before, ...gap, ...after].flatMap((group) => [group >> 8, group & 255]))
}

function credentialsOf(proxy: URL): { user: string; password: string } | null {
  if (proxy.username === '') return null
  return { user: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) }
}
