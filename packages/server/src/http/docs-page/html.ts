/** Writes HTML in which no text can become markup. @module */

/** Markup, as it is sent. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What may stand in a template: text, which is escaped, or markup. `null` is nothing. */
export type Piece = string | number | null | Html | readonly Piece[]

/** Joins a template's pieces, with every text in it escaped. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(strings.reduce((text, string, index) => text + textOf(pieces[index - 1]!) + string))
}

/** Returns a text as markup, with what it has between backquotes as code. */
export function prose(text: string): Html {
  const parts = text.split('`')
  return html`${parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

function textOf(piece: Piece): string {
  if (piece === null) return ''
  if (piece instanceof Html) return piece.text
  if (typeof piece === 'object') return piece.map(textOf).join('')
  return String(piece).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
