/** How the page looks. @module */

/** The page's only style sheet. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c2430; --soft: #5a6675; --line: #e3e7ec; --wash: #f6f8fa; --link: #0b5cad;
  --code: #f6f8fa; --get: #0b6b43; --post: #0b5cad; --put: #8a5200; --patch: #6b3fa0; --delete: #b3261e; --red: #b3261e;
  --sans: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  --mono: ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11151b; --ink: #e4e8ee; --soft: #9ba6b4; --line: #28303b; --wash: #181e26; --link: #7ab8f5;
    --code: #181e26; --get: #5fd3a0; --post: #7ab8f5; --put: #e8b45c; --patch: #c5a3f0; --delete: #ff8f86; --red: #ff8f86;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 var(--sans); }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
code, pre { font-family: var(--mono); font-size: 0.875em; font-variant-ligatures: none; }
p { margin: 0.5em 0; }
h1, h2, h3, h4 { line-height: 1.25; text-wrap: balance; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; z-index: 2; background: var(--paper); padding: 0.5rem 0.75rem; }

.frame { display: grid; grid-template-columns: 17.5rem minmax(0, 1fr); }
.side { position: sticky; top: 0; height: 100vh; overflow-y: auto; border-right: 1px solid var(--line); padding: 1.5rem 1rem 3rem 1.5rem; font-size: 0.875rem; }
.brand { font-weight: 650; font-size: 1.0625rem; letter-spacing: -0.01em; margin: 0 0 1rem; }
.brand small { color: var(--soft); font-weight: 400; font-size: 0.8125rem; margin-left: 0.375rem; }
.find { width: 100%; font: inherit; font-size: max(0.875rem, 14px); color: inherit; background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: 0.4rem 0.625rem; }
.find::placeholder { color: var(--soft); opacity: 1; }
.side h2 { font-size: 0.75rem; font-weight: 600; color: var(--soft); margin: 1.25rem 0 0.25rem; }
.side ul { list-style: none; margin: 0; padding: 0; }
.side li a { display: flex; gap: 0.5rem; align-items: baseline; color: inherit; text-decoration: none; padding: 0.1875rem 0.5rem; margin-left: -0.5rem; border-radius: 5px; overflow-wrap: anywhere; }
.side li a:hover, .side li a[aria-current] { background: var(--wash); }
.side .method { flex: none; width: 2.75rem; }
.side summary { display: none; }
.none { color: var(--soft); margin-top: 1rem; }

main { min-width: 0; }
.intro, .operation, .group, .about { padding: 0 2.5rem; }
.about { max-width: 48rem; margin: 0.5rem 0 0; }
.intro { padding-top: 2.25rem; padding-bottom: 2.5rem; }
h1 { font-size: 1.875rem; letter-spacing: -0.02em; margin: 0 0 0.5rem; font-weight: 650; }
.group { border-top: 1px solid var(--line); margin: 0; padding-top: 2rem; padding-bottom: 0; font-size: 1.375rem; letter-spacing: -0.015em; font-weight: 650; }
.intro h2 { font-size: 1.0625rem; margin: 2rem 0 0.25rem; font-weight: 600; }
.two, .operation { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); column-gap: 3rem; align-items: start; max-width: 84rem; }
.operation { padding-top: 1.75rem; padding-bottom: 2.5rem; }
.operation:not([hidden]) ~ .operation { border-top: 1px solid var(--line); }
.operation h3 { font-size: 1.0625rem; margin: 0 0 0.375rem; font-weight: 600; }
.operation h3 a { color: inherit; text-decoration: none; }
.operation h3 a:hover { text-decoration: underline; }
.operation h4 { font-size: 0.8125rem; font-weight: 600; margin: 1.375rem 0 0; padding-bottom: 0.375rem; border-bottom: 1px solid var(--line); }
.line { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.method { font: 600 0.6875rem/1.4 var(--mono); }
.get, .head { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); } .patch { color: var(--patch); } .delete { color: var(--delete); }
.form { font-weight: 400; color: var(--soft); margin-left: 0.25rem; }
.type { margin-left: 0.25rem; }
.variant { margin: 0.75rem 0 0; }

.fields { margin: 0; }
.field { padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
.field:last-child { border-bottom: 0; }
dt, dd, td, .refusals, .needs { overflow-wrap: anywhere; }
dt code { font-weight: 600; }
dd { margin: 0; font-size: 0.875rem; }
dd p { margin: 0.125rem 0 0; }
.type, .rules, .refusals, .needs { color: var(--soft); font-size: 0.8125rem; }
.rules { overflow-wrap: anywhere; }
.required { color: var(--red); font-size: 0.75rem; margin-left: 0.25rem; }
details summary { cursor: pointer; width: fit-content; }
dd details { margin-top: 0.25rem; }
dd details summary { font-size: 0.8125rem; color: var(--link); }
dd details .fields { border-left: 2px solid var(--line); padding-left: 0.875rem; margin-top: 0.25rem; }
.answer { margin: 0.5rem 0 0; font-size: 0.875rem; }
.status { font: 600 0.8125rem/1 var(--mono); color: var(--get); margin-right: 0.25rem; }
.refusals { margin-top: 0.5rem; }
.refusals a { color: inherit; }

.shown { position: sticky; top: 1.5rem; min-width: 0; }
.code { position: relative; margin: 0 0 0.875rem; border: 1px solid var(--line); border-radius: 8px; background: var(--code); overflow: hidden; }
figcaption { font-size: 0.75rem; color: var(--soft); padding: 0.4375rem 0.875rem 0; }
pre { margin: 0; padding: 0.375rem 0.875rem 0.75rem; overflow: auto; max-height: 28rem; line-height: 1.55; font-size: 0.8125rem; }
pre code { font-size: 1em; }
/* Outside it would be cut off by the figure. */
pre:focus-visible { outline-offset: -2px; border-radius: 8px; }
.copy { position: absolute; top: 0.3125rem; right: 0.375rem; font: 0.75rem/1.4 var(--sans); color: var(--soft); background: var(--paper); border: 1px solid var(--line); border-radius: 5px; padding: 0.125rem 0.5rem; cursor: pointer; }
.copy:hover { color: var(--ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; margin: 0.5rem 0; }
th { text-align: left; font-weight: 600; }
th, td { padding: 0.3125rem 1rem 0.3125rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
[hidden] { display: none !important; }

@media (max-width: 70rem) {
  .two, .operation { grid-template-columns: minmax(0, 1fr); max-width: 48rem; }
  .shown { position: static; margin-top: 1.25rem; }
}
@media (max-width: 50rem) {
  .frame { display: block; }
  .side { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); padding: 1rem 1.125rem; }
  .side summary { display: list-item; padding: 0.5rem 0 0; color: var(--link); }
  .side li a { padding-block: 0.4375rem; }
  .find { font-size: 16px; }
  .intro, .operation, .group, .about { padding-left: 1.125rem; padding-right: 1.125rem; }
  .intro { padding-top: 1.5rem; }
}
@media print { .side, .copy { display: none; } .frame { display: block; } }
`
