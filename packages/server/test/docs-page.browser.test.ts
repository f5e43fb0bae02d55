/** The reference page as its readers have it: in a browser. @module */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

import { HAS_BROWSER, launchBrowser } from '../../receiver/test/support/browser.ts'
import type { OpenApiDocument } from '../src/http/openapi/document.ts'
import { operationsOf } from './support/documented-world.ts'
import { type TestServer, startServerOn } from './support/server.ts'

/** Notes what the page's policy kept from happening. */
const NOTE_VIOLATIONS = `
  globalThis.violations = []
  addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
    violations.push(violatedDirective + ' ' + blockedURI)
  })
`

/** The operations that can be seen. */
const SHOWN = `
  [...document.querySelectorAll('section.operation')].filter((section) => section.checkVisibility()).map(({ id }) => id)
`

/** Anchors that links name and that do not come into view. */
const LOST_ANCHORS = `
  [...new Set([...document.querySelectorAll('a[href^="#"]')].map((link) => link.hash))].filter((hash) => {
    document.querySelector('a[href="' + hash + '"]').click()
    const { top, height } = document.getElementById(hash.slice(1))?.getBoundingClientRect() ?? {}
    return location.hash !== hash || !(top > -1 && top < innerHeight && height > 0)
  })
`

/** Texts that have less contrast with what they stand on than WCAG's 4.5 (its AA level, success criterion 1.4.3). */
const PALE_TEXTS = `
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number)
  const luminance = (color) => {
    const parts = numbers(color).slice(0, 3).map((part) => part / 255)
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const groundOf = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const { backgroundColor } = getComputedStyle(each)
      if ((numbers(backgroundColor)[3] ?? 1) === 1) return backgroundColor
    }
    return 'rgb(255, 255, 255)'
  }
  const pale = new Set()
  let count = 0
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const { parentElement: element, data } = walker.currentNode
    if (data.trim() === '' || !element.checkVisibility()) continue
    count += 1
    const [dark, light] = [getComputedStyle(element).color, groundOf(element)].map(luminance).sort((a, b) => a - b)
    const ratio = (light + 0.05) / (dark + 0.05)
    if (ratio < 4.5) pale.add(ratio.toFixed(2) + ' ' + element.localName + '.' + element.className + ' ' + data.slice(0, 30))
  }
  ;({ pale: [...pale], count, paper: luminance(getComputedStyle(document.body).backgroundColor) })
`

/** Texts that stand out of their column, save those that scroll by themselves. */
const OVERFLOWING = `
  for (const details of document.querySelectorAll('details')) details.open = true
  const out = []
  const range = document.createRange()
  for (const column of document.querySelectorAll('.side, main')) {
    const box = column.getBoundingClientRect()
    const walker = document.createTreeWalker(column, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      if (walker.currentNode.parentElement.closest('pre, .scroll') !== null) continue
      range.selectNodeContents(walker.currentNode)
      const { left, right, width } = range.getBoundingClientRect()
      if (width > 0 && (left < box.left || right > box.right)) out.push(range.toString())
    }
  }
  ;({ out, width: document.documentElement.scrollWidth })
`

/** What has the focus, how it is marked, and whether that can be seen. */
const FOCUSED = `
  const element = document.activeElement
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element)
  const { top, bottom, left, right } = element.getBoundingClientRect()
  ;({
    name: element.localName + '.' + element.className + ' ' + element.textContent.slice(0, 30),
    outline: outlineStyle + ' ' + outlineWidth,
    isShown: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
  })
`

describe.runIf(HAS_BROWSER)('in Chromium', () => {
  let browser: Browser
  let server: TestServer

  // No test changes anything of the server, and to fill it would change nothing of the page.
  beforeAll(async () => {
    server = await startServerOn(await mkdtemp(join(tmpdir(), 'posthorn-docs-')))
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser.close()
    await server.stop()
    await rm(server.data, { recursive: true })
  })

  /** Opens a page whose faults fail the test that opened it. */
  async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options })
    const page = await context.newPage()
    const faults: string[] = []
    page.on('console', (message) => faults.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', (error) => faults.push(String(error)))
    await page.addInitScript(NOTE_VIOLATIONS)
    onTestFinished(async () => {
      expect([...faults, ...(await page.evaluate<string[]>('violations'))]).toEqual([])
      await context.close()
    })
    return page
  }

  /** Opens the reference. */
  async function openReference(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await openPage(options)
    await page.goto(`${server.url}/docs`)
    return page
  }

  test('it loads nothing but itself, and no fault is reported', async () => {
    const page = await openPage()
    const requests: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    await page.goto(`${server.url}/docs`)
    await page.waitForLoadState('networkidle')
    expect(requests.filter((request) => !request.startsWith('data:'))).toEqual([`${server.url}/docs`])
    expect(await page.title()).toBe('Posthorn API')
    // The page's own script has run: without it there is no such button.
    expect(await page.locator('.copy').count()).toBeGreaterThan(100)
  })

  test('every operation is there with its path, its parameters and the fields of its body', async () => {
    const page = await openReference()
    const document = (await (await fetch(`${server.url}/api/v1/openapi.json`)).json()) as OpenApiDocument
    const shown = await page.evaluate<Record<string, { path: string | null; names: string[] }>>(`
      Object.fromEntries([...document.querySelectorAll('section.operation')].map((section) => [section.id, {
        path: section.querySelector('.line code')?.textContent ?? null,
        names: [...section.querySelectorAll('dt code')].map((code) => code.textContent),
      }]))
    `)
    const operations = operationsOf(document).filter(({ method }) => method !== 'HEAD')
    expect(operations.length).toBeGreaterThan(70)
    for (const { path, operation } of operations) {
      const schema = operation.requestBody?.content['application/json'].schema
      const form = document.components.schemas[String(schema?.['$ref']).split('/').at(-1)!]
      const fields = Object.keys(form?.['properties'] ?? {})
      const section = shown[operation.operationId!]
      expect({ id: operation.operationId, path: section?.path }).toEqual({ id: operation.operationId, path })
      const parameters = operation.parameters.map(({ name }) => name)
      expect(section!.names).toEqual(expect.arrayContaining([...parameters, ...fields]))
    }
    for (const name of Object.keys(document.webhooks)) {
      expect(shown[name]!.names).toEqual(expect.arrayContaining(['type', 'data']))
    }
  })

  test('every link to a place on the page brings that place into view', async () => {
    const page = await openReference()
    expect(await page.locator('.side a[href^="#"]').count()).toBeGreaterThan(80)
    expect(await page.evaluate(LOST_ANCHORS)).toEqual([])
  })

  test('the filter leaves what has all its words, and lets go of it', async () => {
    const page = await openReference()
    const all = await page.evaluate(SHOWN)
    await page.keyboard.press('/')
    await page.keyboard.type('secret ROTATE')
    expect(await page.inputValue('.find')).toBe('secret ROTATE')
    const ids = ['v1.endpoint.rotate-secret', 'v1.operational-webhook.endpoint.rotate-secret']
    expect(await page.evaluate(SHOWN)).toEqual(ids)
    expect(await page.locator('.side li:visible').count()).toBe(ids.length)

    await page.fill('.find', 'no such operation')
    expect(await page.locator('.none').isVisible()).toBe(true)
    await page.press('.find', 'Escape')
    expect(await page.locator('.none').isVisible()).toBe(false)
    expect(await page.evaluate(SHOWN)).toEqual(all)
  })

  test('a link leads to what the filter hides', async () => {
    const page = await openReference()
    await page.fill('.find', 'rotate')
    expect(await page.locator('#errors').isVisible()).toBe(false)
    await page.locator('section.operation:visible .refusals a').first().click()
    await expect
      .poll(() => page.evaluate('document.getElementById("errors").getBoundingClientRect().top'))
      .toBeLessThan(100)
    expect(await page.inputValue('.find')).toBe('')
  })

  test('the list of operations says where the reader is', async () => {
    const page = await openReference()
    for (const id of ['errors', 'v1.health.get', 'v1.message.create']) {
      await page.evaluate(`location.hash = '#${id}'`)
      const link = page.locator('.side a[aria-current]')
      await expect.poll(() => link.getAttribute('href')).toBe(`#${id}`)
      const { y, height } = (await link.boundingBox())!
      expect(y >= 0 && y + height <= 800).toBe(true)
    }
  })

  test('examples in each language are copied as they stand', async () => {
    const page = await openReference({ permissions: ['clipboard-read', 'clipboard-write'] })
    for (const kind of ['curl', 'svix client', 'answer']) {
      const figure = page
        .locator('[id="v1.endpoint.create"] figure.code')
        .filter({ has: page.locator(`code[data-kind="${kind}"]`) })
      const button = figure.locator('.copy')
      await button.click()
      await expect.poll(() => button.textContent()).toBe('Copied')
      const text = await figure.locator('code').textContent()
      expect(text!.length).toBeGreaterThan(30)
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(text)
    }
  })

  test('behind a proxy the examples name the host that the reader reached', async () => {
    const page = await openPage()
    await page.route('https://hooks.example.com/**', async (route) =>
      route.fulfill({ response: await route.fetch({ url: `${server.url}/docs` }) }),
    )
    await page.goto('https://hooks.example.com/inner/docs')
    const texts = await page.locator('code').allTextContents()
    expect(texts.filter((text) => text.includes(server.url))).toEqual([])
    expect(
      texts.filter((text) => text.includes('https://hooks.example.com/inner/api/v1/')).length,
    ).toBeGreaterThan(70)
  })

  test('light and dark follow the reader’s preference, with every text readable', async () => {
    const seen: Record<string, number> = {}
    const page = await openReference()
    await page.evaluate(`for (const details of document.querySelectorAll('details')) details.open = true`)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const { pale, count, paper } = await page.evaluate<{ pale: string[]; count: number; paper: number }>(
        PALE_TEXTS,
      )
      expect(pale).toEqual([])
      expect(count).toBeGreaterThan(1_000)
      seen[colorScheme] = paper
    }
    expect(seen['light']).toBeGreaterThan(0.8)
    expect(seen['dark']).toBeLessThan(0.05)
  })

  test('at every width nothing stands out of its column, with everything unfolded', async () => {
    const page = await openReference()
    for (const width of [1_440, 900, 400, 320]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await page.evaluate(OVERFLOWING)).toEqual({ out: [], width })
    }
  })

  test('on a small screen the list of operations is folded until it is asked for', async () => {
    const page = await openReference({ viewport: { width: 400, height: 800 } })
    const link = page.locator('.side a[href="#v1.message.create"]')
    expect(await link.isVisible()).toBe(false)
    await page.locator('.side summary').click()
    expect(await link.isVisible()).toBe(true)
    await page.fill('.find', 'zzz')
    await page.fill('.find', '')
    expect(await link.isVisible()).toBe(false)
  })

  test('the keyboard reaches everything, and shows where it is', async () => {
    const page = await openReference()
    const names: string[] = []
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toBe('skip')
    await page.keyboard.press('Enter')
    for (let step = 0; step < 14; step += 1) {
      await page.keyboard.press('Tab')
      const { name, outline, isShown } = await page.evaluate<Record<string, unknown>>(FOCUSED)
      expect({ name, outline, isShown }).toEqual({ name, outline: 'solid 2px', isShown: true })
      names.push(String(name))
    }
    // Past the skipped list: a link, and code that scrolls with its button.
    expect(new Set(names.map((name) => name.split(/[. ]/)[0]))).toEqual(new Set(['a', 'pre', 'button']))
  })
})
