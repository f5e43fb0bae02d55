/** Shows what the server itself sends. @module */

import type { JsonSchema } from '../openapi/components.ts'
import type { Webhook } from '../openapi/document.ts'
import { showForm } from './forms.ts'
import { type Html, type Piece, html } from './html.ts'
import { showCode } from './operation.ts'
import { type NamedSchemas, sampleOf } from './samples.ts'

/** A webhook with its name. */
type NamedWebhook = readonly [name: string, { readonly post: Webhook }]

/** Shows a webhook as a section. */
export function showWebhook([name, { post }]: NamedWebhook, named: NamedSchemas): Html {
  const schema = schemaOf(post)
  const title = titleOf([name, { post }], named)
  return html`<section
    class="operation"
    id="${name}"
    aria-labelledby="${name}-title"
    data-find="${`${name} ${title} ${post.summary ?? ''}`.toLowerCase()}"
  >
    <div class="told">
      <h3 id="${name}-title"><a href="#${name}">${title}</a></h3>
      <p>${post.summary ?? name}.</p>
      <h4>Body <code class="form">${name}</code></h4>
      ${showForm(schema, named, 'answer')}
    </div>
    <div class="shown">
      ${showCode('body', JSON.stringify(sampleOf(schema, named, 'all'), null, 2), 'What is sent')}
    </div>
  </section> `
}

/** Links to a webhook. */
export function showWebhookLink(webhook: NamedWebhook, named: NamedSchemas): Html {
  return html`<li>
    <a href="#${webhook[0]}"
      ><span class="method post">POST</span> <span>${breakable(titleOf(webhook, named))}</span></a
    >
  </li>`
}

/** Lets a long name break after a dot. */
function breakable(name: string): Piece {
  return name.split('.').map((part, index) => (index === 0 ? part : html`.<wbr />${part}`))
}

/** The event type, by which readers know it: the name is that of its form. */
function titleOf([name, { post }]: NamedWebhook, named: NamedSchemas): string {
  const { type } = sampleOf(schemaOf(post), named, 'all') as { readonly type?: string }
  return type ?? name
}

function schemaOf({ requestBody }: Webhook): JsonSchema {
  return requestBody!.content['application/json'].schema
}
