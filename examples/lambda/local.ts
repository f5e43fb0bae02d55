// A function URL on this machine: turns requests into events of payload format 2.0, as AWS does.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { handler } from './handler.ts'

const server = createServer((request, response) => {
  void answer()

  async function answer(): Promise<void> {
    const bytes = await buffer(request)
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
    const headers = Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(',')])
    // AWS sends text as it is, and everything else in base64.
    const isText = /json|text|xml|javascript/.test(request.headers['content-type'] ?? '')
    const result = await handler({
      version: '2.0',
      rawPath: pathname,
      rawQueryString: search.slice(1),
      headers: Object.fromEntries(headers) as Record<string, string>,
      requestContext: {
        http: { method: request.method ?? 'GET', sourceIp: request.socket.remoteAddress ?? '' },
      },
      body: bytes.toString(isText ? 'utf8' : 'base64'),
      isBase64Encoded: !isText,
    })
    response.writeHead(result.statusCode, result.headers)
    response.end(Buffer.from(result.body, result.isBase64Encoded ? 'base64' : 'utf8'))
  }
})
server.listen(Number(process.env['PORT'] ?? 3000), () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`)
})
