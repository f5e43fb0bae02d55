/** Shows what the server itself sends. @module */

import type { Webhook } from '../openapi/document.ts'
import { showForm } from './forms.ts'
import { type Html, html } from './html.ts'
import { showCode } from './operation.ts'
import { type NamedSchemas, sampleOf } from './samples.ts'

/** Shows a webhook as a section. */
export function showWebhook(
  [name, { post }]: readonly [string, { readonly post: Webhook }],
  named: NamedSchemas,
): Html {
  const schema = post.requestBody!.content['application/json'].schema
  return html`<section
    class="operation"
    id="${name}"
    aria-labelledby="${name}-title"
    data-find="${`${name} ${post.summary ?? ''}`.toLowerCase()}"
  >
    <div class="told">
      <h3 id="${name}-title"><a href="#${name}">${name}</a></h3>
      <p>${post.summary ?? name}.</p>
      <h4>Body</h4>
      ${showForm(schema, named, 'answer')}
    </div>
    <div class="shown">
      ${showCode('body', JSON.stringify(sampleOf(schema, named, 'all'), null, 2), 'What is sent')}
    </div>
  </section> `
}

/** Links to a webhook. */
export function showWebhookLink(name: string): Html {
  return html`<li>
    <a href="#${name}"><span class="method post">POST</span> ${name}</a>
  </li>`
}
