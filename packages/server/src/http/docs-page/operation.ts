/** Shows one operation: what it takes, what it answers, and how it is called. @module */

import type { Answer, Operation } from '../openapi/document.ts'
import { type PlacedOperation, clientCallOf, curlOf } from './examples.ts'
import { nameOf, showForm, showParameters } from './forms.ts'
import { type Html, type Piece, html, prose } from './html.ts'
import { type NamedSchemas, sampleOf } from './samples.ts'

/** The place of an operation in the page. */
export function anchorOf({ method, path, operation }: PlacedOperation): string {
  return operation.operationId ?? `${method}${path.replaceAll(/[^\w]+/g, '-')}`
}

/** What an operation is called. */
export function titleOf({ method, path, operation }: PlacedOperation): string {
  return operation.summary ?? `${method.toUpperCase()} ${path}`
}

/** Shows an operation as a section. */
export function showOperation(placed: PlacedOperation, named: NamedSchemas): Html {
  const { method, path, operation } = placed
  const of = (place: string) => operation.parameters.filter((parameter) => parameter.in === place)
  const anchor = anchorOf(placed)
  return html`<section
    class="operation"
    id="${anchor}"
    aria-labelledby="${anchor}-title"
    data-find="${`${method} ${path} ${titleOf(placed)} ${operation.operationId ?? ''}`.toLowerCase()}"
  >
    <div class="told">
      <h3 id="${anchor}-title"><a href="#${anchor}">${titleOf(placed)}</a></h3>
      <p class="line">
        <span class="method ${method}">${method.toUpperCase()}</span> <code>${showPath(path)}</code>
      </p>
      <p class="needs">${prose(needsOf(operation))}</p>
      ${operation.description === undefined ? null : html`<p>${prose(operation.description)}</p>`}
      ${showParameters('Path', of('path'), named)} ${showParameters('Query', of('query'), named)}
      ${showParameters('Headers', of('header'), named)} ${showBody(placed, named)}
      ${showAnswers(operation.responses, named)}
    </div>
    <div class="shown">${showExamples(placed, named)}</div>
  </section> `
}

/** Says who may call it. */
function needsOf(operation: Operation): string {
  if (operation.security?.length === 0) return 'Needs no token'
  const need = operation['x-needs'] ?? 'any'
  if (need === 'any') return 'Needs any token'
  if (need === 'organisation') return 'Needs a token of the organisation'
  return `Needs a token of the organisation, of the application, or of its portal with \`${need}\``
}

/** Breaks a long path only after a slash. */
function showPath(path: string): Piece {
  return path.split('/').map((part, index) => (index === 0 ? part : html`/<wbr />${part}`))
}

function showBody({ operation }: PlacedOperation, named: NamedSchemas): Piece {
  const schema = operation.requestBody?.content['application/json'].schema
  if (schema === undefined) return null
  return html`<h4>Body${formName(nameOf(schema))}</h4>
    ${showForm(schema, named, 'request') ?? html`<p class="rules">Any JSON object.</p>`}`
}

function showAnswers(responses: Readonly<Record<string, Answer>>, named: NamedSchemas): Html {
  const entries = Object.entries(responses)
  const good = entries.filter(([status]) => status.startsWith('2'))
  const refused = entries.filter(([status]) => !status.startsWith('2')).map(([status]) => status)
  return html`<h4>Answer</h4>
    ${good.map(([status, answer]) => showAnswer(status, answer, named))}
    <p class="refusals">
      Refused with
      ${refused.map((status, index) => html`${index > 0 ? ' ' : null}<a href="#errors">${status}</a>`)}
    </p>`
}

function showAnswer(status: string, { description, content }: Answer, named: NamedSchemas): Html {
  const schema = content?.['application/json'].schema
  const head = html`<span class="status">${status}</span>
    ${description}${formName(schema === undefined ? null : nameOf(schema))}`
  const fields = schema === undefined ? null : showForm(schema, named, 'answer')
  if (fields === null) return html`<p class="answer">${head}</p>`
  return html`<details class="answer">
    <summary>${head}</summary>
    ${fields}
  </details>`
}

function formName(name: string | null): Piece {
  return name === null ? null : html` <code class="form">${name}</code>`
}

function showExamples(placed: PlacedOperation, named: NamedSchemas): Piece {
  const call = clientCallOf(placed, named)
  const [, answer] =
    Object.entries(placed.operation.responses).find(([status]) => status.startsWith('2')) ?? []
  const schema = answer?.content?.['application/json'].schema
  return [
    showCode('curl', curlOf(placed, named)),
    call === null ? null : showCode('svix client', call),
    schema === undefined
      ? null
      : showCode('answer', JSON.stringify(sampleOf(schema, named, 'all'), null, 2), 'It answers'),
  ]
}

/** Shows code that can be copied. */
export function showCode(kind: string, code: string, title = kind): Html {
  return html`<figure class="code">
    <figcaption>${title}</figcaption>
    <pre tabindex="0" role="region" aria-label="${title}"><code data-kind="${kind}">${code}</code></pre>
  </figure>`
}
