/** What a reader should know before the first operation. @module */

import { REFUSALS } from '../openapi/errors.ts'
import { MOUNT, ORIGIN } from './examples.ts'
import { type Html, html, prose } from './html.ts'
import { showCode } from './operation.ts'

/** The first steps: they make the application and the endpoint that all examples name, and send the message. */
const FIRST_STEPS: readonly (readonly [title: string, command: string])[] = [
  [
    'Make an application: one for each of your customers',
    `curl -X POST '${ORIGIN}/api/v1/app?get_if_exists=true' \\
  -H "authorization: Bearer $TOKEN" \\
  -H 'content-type: application/json' \\
  -d '{"name": "Acme", "uid": "acme"}'`,
  ],
  [
    'Register where its webhooks go',
    `curl -X PUT ${ORIGIN}/api/v1/app/acme/endpoint/main \\
  -H "authorization: Bearer $TOKEN" \\
  -H 'content-type: application/json' \\
  -d '{"url": "https://example.com/webhooks"}'`,
  ],
  [
    'Send a message',
    `curl -X POST ${ORIGIN}/api/v1/app/acme/msg \\
  -H "authorization: Bearer $TOKEN" \\
  -H 'content-type: application/json' \\
  -H 'idempotency-key: invoice-1001' \\
  -d '{
    "eventType": "invoice.paid",
    "eventId": "invoice-1001",
    "payload": { "invoice": "in_1001", "amount": 4200 }
  }'`,
  ],
]

const CLIENT_START = `import { Svix } from 'svix'

const svix = new Svix(process.env.TOKEN, {
  serverUrl: '${ORIGIN}',
})`

/** The places of the guide, by anchor. */
export const GUIDE: readonly (readonly [id: string, title: string])[] = [
  ['base', 'Base and tokens'],
  ['lists', 'Lists'],
  ['idempotency', 'Repeating a request'],
  ['errors', 'Errors'],
]

/** What refusals look like. */
const REFUSED: Readonly<Record<string, string>> = {
  '404 answers': JSON.stringify({ code: 'not_found', detail: 'There is no application acme here' }, null, 2),
  '422 answers': JSON.stringify(
    { detail: [{ loc: ['body', 'name'], msg: 'is required', type: 'required' }] },
    null,
    2,
  ),
}

/** Shows the guide. */
export function showGuide(version: string): Html {
  return html`<section class="intro" aria-labelledby="posthorn-api">
    <div class="two">
      <div>
        <h1 id="posthorn-api">Posthorn API</h1>
        <p>
          Sends webhooks: signed, retried, fair and recorded. Version ${version}. The official Svix clients
          and command line speak this API; give them this server’s URL. As
          <a href="${MOUNT}/api/v1/openapi.json">OpenAPI 3.1</a>.
        </p>

        <h2 id="base">Base and tokens</h2>
        <p>
          Every path begins with <code>${ORIGIN}/api/v1</code>. Send
          <code>authorization: Bearer &lt;token&gt;</code> with a token of the organisation, which may do all,
          or of one application, which sees that alone. <code>posthorn token create</code> makes one. The
          examples run as they stand once your shell has it:
        </p>
        <p><code>export TOKEN=…</code></p>
        <p>
          Wherever a path names an application or an endpoint it takes the id or your own <code>uid</code>;
          for a message, its id or your <code>eventId</code>. Fields and parameters that the API does not know
          are ignored.
        </p>

        <h2 id="lists">Lists</h2>
        <p>
          An answer has <code>data</code>, <code>done</code>, <code>iterator</code> and
          <code>prevIterator</code>. Give <code>iterator</code> for the page that follows, or
          <code>prevIterator</code> in its place to go back, until <code>done</code>. <code>limit</code> is 50
          by default and 250 at most.
        </p>

        <h2 id="idempotency">Repeating a request</h2>
        <p>
          A POST with the header <code>idempotency-key</code> is done once: the same key with the same body
          gets the first answer again, and with another body 409. The clients send a key of their own on each
          POST.
        </p>
      </div>
      <div class="shown">
        ${FIRST_STEPS.map(([title, command]) => showCode('first step', command, title))}
        ${showCode('javascript', CLIENT_START, 'The same with the svix client')}
      </div>
    </div>
    <div class="two">
      <div>
        <h2 id="errors">Errors</h2>
        <p>
          A refusal is <code>{"code": …, "detail": …}</code>: the code to act on, the detail to read. 422 has
          in <code>detail</code> a list of <code>{"loc", "msg", "type"}</code>, one for each fault.
        </p>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Status</th>
                <th scope="col">Meaning</th>
              </tr>
            </thead>
            <tbody>
              ${Object.entries(REFUSALS).map(
                ([status, meaning]) =>
                  html`<tr>
                    <td><code>${status}</code></td>
                    <td>${prose(meaning)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
      </div>
      <div class="shown">
        ${Object.entries(REFUSED).map(([title, body]) => showCode('answer', body, title))}
      </div>
    </div>
  </section> `
}
