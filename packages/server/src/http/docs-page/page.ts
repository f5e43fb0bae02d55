/** The reference page: the API's description as one readable page. @module */

import { hash } from 'node:crypto'

import type { OpenApiDocument } from '../openapi/document.ts'
import { ORIGIN, type PlacedOperation } from './examples.ts'
import { GUIDE, showGuide } from './guide.ts'
import { Html, html } from './html.ts'
import { anchorOf, showOperation, titleOf } from './operation.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'
import { showWebhook, showWebhookLink } from './webhook.ts'

/** What the page may do: its own style and script, and nothing from anywhere else. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src '${sourceHash(STYLE)}'`,
  `script-src '${sourceHash(SCRIPT)}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

// Put together here, so that nothing stands between the tags but the text that was hashed.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`)
const SCRIPT_ELEMENT = new Html(`<script>${SCRIPT}</script>`)

/** The order in which the methods of a path are shown. */
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Returns the page, with {@link ORIGIN} wherever the server's own URL is to stand. */
export function renderPage({ info, paths, webhooks, tags, components }: OpenApiDocument): string {
  const named = components.schemas
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): PlacedOperation => ({ method, path, operation })),
  )
  const groups = tags.map(({ name }) => ({
    name,
    id: `tag-${name.toLowerCase().replaceAll(/\W+/g, '-')}`,
    // A HEAD is a GET without its body, and needs no telling of its own.
    operations: operations
      .filter(({ method, operation }) => method !== 'head' && operation.tags?.includes(name) === true)
      .toSorted((a, b) => compare(a.path, b.path) || METHODS.indexOf(a.method) - METHODS.indexOf(b.method)),
  }))
  return html`<!doctype html>
    <html lang="en" data-origin="${ORIGIN}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Posthorn API</title>
        <link rel="icon" href="data:," />
        ${STYLE_ELEMENT}
      </head>
      <body>
        <a class="skip" href="#content">Skip to the operations</a>
        <div class="frame">
          <nav class="side" aria-label="Operations">
            <p class="brand">Posthorn<small>API ${info.version}</small></p>
            <input
              class="find"
              type="search"
              placeholder="Filter, or press /"
              aria-label="Filter operations"
              autocomplete="off"
              spellcheck="false"
            />
            <p class="none" role="status" hidden>Nothing fits.</p>
            <details open>
              <summary>All operations</summary>
              <div class="guide">
                <h2>Guide</h2>
                <ul>
                  ${GUIDE.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}
                </ul>
              </div>
              ${groups.map(
                (group) =>
                  html`<div data-tag="${group.id}">
                    <h2>${group.name}</h2>
                    <ul>
                      ${group.operations.map(showLink)}
                    </ul>
                  </div>`,
              )}
              <div data-tag="tag-webhooks">
                <h2>Webhooks</h2>
                <ul>
                  ${Object.entries(webhooks).map((each) => showWebhookLink(each, named))}
                </ul>
              </div>
            </details>
          </nav>
          <main id="content">
            ${showGuide(info.version)}
            ${groups.map(
              (group) =>
                html`<section class="tag" id="${group.id}" aria-labelledby="${group.id}-title">
                  <h2 class="group" id="${group.id}-title">${group.name}</h2>
                  ${group.operations.map((placed) => showOperation(placed, named))}
                </section>`,
            )}
            <section class="tag" id="tag-webhooks" aria-labelledby="tag-webhooks-title">
              <h2 class="group" id="tag-webhooks-title">Webhooks</h2>
              <p class="about">
                What the server tells its operator: it posts these, signed as all it sends, to the endpoints
                made under <a href="#tag-operational-webhook-endpoint">Operational Webhook Endpoint</a>.
              </p>
              ${Object.entries(webhooks).map((each) => showWebhook(each, named))}
            </section>
          </main>
        </div>
        ${SCRIPT_ELEMENT}
      </body>
    </html> `.text
}

function showLink(placed: PlacedOperation): Html {
  const { method } = placed
  const short = method === 'delete' ? 'DEL' : method.toUpperCase()
  return html`<li>
    <a href="#${anchorOf(placed)}"><span class="method ${method}">${short}</span> ${titleOf(placed)}</a>
  </li>`
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function sourceHash(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`
}
