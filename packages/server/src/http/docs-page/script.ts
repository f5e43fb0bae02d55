/** What the page does. It reads without any of this. @module */

/** The page's only script. */
export const SCRIPT = `
'use strict'
// Behind a proxy the server knows another name for itself than the reader does.
const served = document.documentElement.dataset.origin
const reached = location.origin + location.pathname.replace(/\\/docs\\/?$/, '')
if (served !== reached) {
  for (const code of document.querySelectorAll('code')) {
    if (code.textContent.includes(served)) code.textContent = code.textContent.replaceAll(served, reached)
  }
}

for (const figure of document.querySelectorAll('figure.code')) {
  if (!navigator.clipboard) break
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = 'Copy'
  button.setAttribute('aria-label', 'Copy: ' + figure.querySelector('figcaption').textContent)
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(figure.querySelector('code').textContent)
    button.textContent = 'Copied'
    setTimeout(() => (button.textContent = 'Copy'), 1500)
  })
  figure.append(button)
}

const contents = document.querySelector('.side details')
const isWide = matchMedia('(min-width: 50.01rem)')
const unfold = () => (contents.open = isWide.matches)
isWide.addEventListener('change', unfold)
unfold()

const find = document.querySelector('.find')
const none = document.querySelector('.none')
const groups = [...document.querySelectorAll('section.tag')]
const sift = () => {
  const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean)
  let count = 0
  for (const group of groups) {
    let shown = 0
    for (const section of group.querySelectorAll('.operation')) {
      const fits = words.every((word) => section.dataset.find.includes(word))
      section.hidden = !fits
      document.querySelector('.side a[href="#' + CSS.escape(section.id) + '"]').parentElement.hidden = !fits
      if (fits) shown += 1
    }
    group.hidden = shown === 0
    document.querySelector('.side [data-tag="' + CSS.escape(group.id) + '"]').hidden = shown === 0
    count += shown
  }
  document.querySelector('.intro').hidden = words.length > 0
  document.querySelector('.guide').hidden = words.length > 0
  none.hidden = count > 0
  if (words.length > 0) contents.open = true
  else unfold()
}
find.addEventListener('input', sift)
find.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return
  find.value = ''
  sift()
})
document.addEventListener('keydown', (event) => {
  const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  find.focus()
})
sift()

// A link leads to its place though the filter hides that.
const reveal = (hash) => {
  const place = document.getElementById(decodeURIComponent(hash.slice(1)))
  if (place === null || place.closest('[hidden]') === null) return
  find.value = ''
  sift()
  place.scrollIntoView()
}
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="#"]')
  if (link !== null) reveal(link.hash)
})
addEventListener('hashchange', () => reveal(location.hash))

const links = new Map([...document.querySelectorAll('.side li a')].map((link) => [link.hash.slice(1), link]))
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue
      for (const link of links.values()) link.removeAttribute('aria-current')
      const link = links.get(target.id)
      link.setAttribute('aria-current', 'true')
      // Only in its own box: the page scrolls as its reader does.
      const box = link.closest('.side')
      const top = link.getBoundingClientRect().top - box.getBoundingClientRect().top
      if (top < 0 || top > box.clientHeight - link.offsetHeight) box.scrollTop += top - box.clientHeight / 2
    }
  },
  { rootMargin: '0px 0px -75% 0px' },
)
for (const id of links.keys()) watcher.observe(document.getElementById(id))
`
