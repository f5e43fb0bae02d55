/** Reads the table of verdicts. @module */

import { readFileSync } from 'node:fs'

/** One row, with the options that it is under. */
export interface Row {
  /** The line of the file that it stands in. */
  readonly line: number
  /** Options by their long names. */
  readonly flags: Readonly<Record<string, string>>
  readonly url: string
  /** What the host of the URL resolves to; empty where nothing is to be resolved. */
  readonly addresses: readonly string[]
  readonly verdict:
    | { readonly kind: 'reaches'; readonly target: string }
    | { readonly kind: 'blocked'; readonly reason: string }
    | { readonly kind: 'invalid' }
}

/** Returns the rows of `table.txt`. @throws {Error} A line is none of those that its head describes. */
export function readTable(): Row[] {
  const rows: Row[] = []
  let flags: Row['flags'] = {}
  const text = readFileSync(new URL('table.txt', import.meta.url), 'utf8')
  for (const [at, line] of text.split('\n').entries()) {
    if (line.startsWith('## ')) flags = flagsOf(line.slice(3))
    else if (line !== '' && !line.startsWith('#')) rows.push({ line: at + 1, flags, ...rowOf(line) })
  }
  return rows
}

function flagsOf(text: string): Record<string, string> {
  const given = text === '(none)' ? [] : text.split(' ')
  return Object.fromEntries(
    given.map((flag) => {
      const [name, value = 'true'] = flag.replace(/^--/, '').split('=')
      return [name, value]
    }),
  )
}

function rowOf(line: string): Pick<Row, 'url' | 'addresses' | 'verdict'> {
  const [verdict = '', url, addresses] = line
    .replace(/ {3}# .*$/, '')
    .split(/ *\|(?: |$)/)
    .map((part) => part.trim())
  if (url === undefined || addresses === undefined) throw new Error(`Not a row: ${line}`)
  return { url, addresses: addresses === '' ? [] : addresses.split(' '), verdict: verdictOf(verdict) }
}

function verdictOf(text: string): Row['verdict'] {
  if (text === 'invalid') return { kind: 'invalid' }
  const target = /^reaches (.+)$/.exec(text)?.[1]
  if (target !== undefined) return { kind: 'reaches', target }
  const reason = /^blocked: (.+)$/.exec(text)?.[1]
  if (reason !== undefined) return { kind: 'blocked', reason }
  throw new Error(`Not a verdict: ${text}`)
}
