/** Tunnels through the operator's egress proxy: HTTP CONNECT or SOCKS5. @module */

import { type Socket, connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** The proxy's own fault, told apart from the endpoint's. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
}

/** Time for a tunnel to be made, in milliseconds. Each attempt has a deadline of its own, this ends what it left. */
const TUNNEL_TIMEOUT_MS = 60_000

/** Bytes of a proxy's answer, at most. */
const MAX_ANSWER_BYTES = 16_384

/** What a proxy is spoken to in: writes, and reads so many bytes or up to a mark. */
interface Dialogue {
  write(bytes: Uint8Array | string): void
  read(until: number | string): Promise<Buffer>
}

/**
 * Opens a connection through a proxy to an address that was checked: the name was resolved here, so the guard's verdict
 * holds, and the proxy learns no name.
 *
 * @param proxy - `http://`, `https://` or `socks5://`, with user and password where it asks for them.
 * @throws {ProxyError} The proxy cannot be reached, refuses, or speaks something else.
 */
export async function openTunnel(proxy: URL, target: { address: string; port: number }): Promise<Socket> {
  const socket = connectToProxy(proxy)
  socket.setNoDelay(true)
  const timer = setTimeout(
    () => socket.destroy(new ProxyError(`the proxy ${proxy.host} made no tunnel in time`)),
    TUNNEL_TIMEOUT_MS,
  )
  try {
    const dialogue = dialogueOn(socket)
    if (proxy.protocol === 'socks5:') await socks(dialogue, proxy, target)
    else await httpConnect(dialogue, proxy, target)
    return socket
  } catch (cause) {
    socket.destroy()
    if (cause instanceof ProxyError) throw cause
    throw new ProxyError(`the proxy ${proxy.host} failed: ${(cause as Error).message}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

function connectToProxy(proxy: URL): Socket {
  const host = proxy.hostname.replace(/^\[(.*)\]$/, '$1')
  const defaultPort = { 'http:': 80, 'https:': 443, 'socks5:': 1_080 }[proxy.protocol]
  const port = proxy.port === '' ? defaultPort! : Number(proxy.port)
  if (proxy.protocol !== 'https:') return connect(port, host)
  return connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) })
}

/** Reads what comes on a socket as it is asked for; what comes beyond stays in the socket. */
function dialogueOn(socket: Socket): Dialogue {
  return {
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
  { address, port }: { address: string; port: number },
): Promise<void> {
  const authority = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`
  const credentials = credentialsOf(proxy)
  const authorization =
    credentials === null
      ? ''
      : `proxy-authorization: Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}\r\n`
  dialogue.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${authorization}\r\n`)
  const head = (await dialogue.read('\r\n\r\n')).toString('latin1')
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]
  if (status === undefined) throw new ProxyError(`the proxy ${proxy.host} does not speak HTTP`)
  if (!status.startsWith('2')) throw new ProxyError(`the proxy ${proxy.host} answered ${status}`)
}

const SOCKS_VERSION = 5
const NO_AUTHENTICATION = 0
const USER_AND_PASSWORD = 2
const SOCKS_REFUSALS: Readonly<Record<number, string>> = {
  1: 'failed',
  2: 'does not allow it',
  3: 'cannot reach the network',
  4: 'cannot reach the host',
  5: 'was refused by the host',
  6: 'got no answer in time',
}

/** RFC 1928, and RFC 1929 for user and password. */
async function socks(
  dialogue: Dialogue,
  proxy: URL,
  { address, port }: { address: string; port: number },
): Promise<void> {
  const credentials = credentialsOf(proxy)
  dialogue.write(
    Uint8Array.of(SOCKS_VERSION, 1, credentials === null ? NO_AUTHENTICATION : USER_AND_PASSWORD),
  )
  const [version, method] = await dialogue.read(2)
  if (version !== SOCKS_VERSION) throw new ProxyError(`the proxy ${proxy.host} does not speak SOCKS5`)
  if (method === USER_AND_PASSWORD && credentials !== null) {
    const [user, password] = [Buffer.from(credentials.user), Buffer.from(credentials.password)]
    dialogue.write(Buffer.concat([Buffer.of(1, user.length), user, Buffer.of(password.length), password]))
    if ((await dialogue.read(2))[1] !== 0)
      throw new ProxyError(`the proxy ${proxy.host} refuses user and password`)
  } else if (method !== NO_AUTHENTICATION) {
    throw new ProxyError(`the proxy ${proxy.host} wants another authentication`)
  }

  const isV6 = isIP(address) === 6
  const bytes = isV6 ? v6Bytes(address) : Buffer.from(address.split('.').map(Number))
  const request = Buffer.of(SOCKS_VERSION, 1, 0, isV6 ? 4 : 1)
  dialogue.write(Buffer.concat([request, bytes, Buffer.of(port >> 8, port & 255)]))
  const [, reply = 0, , kind = 1] = await dialogue.read(4)
  if (reply !== 0)
    throw new ProxyError(`the proxy ${proxy.host} ${SOCKS_REFUSALS[reply] ?? `answered ${reply}`}`)
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
