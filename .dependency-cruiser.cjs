/**
 * The rooms and the one way in which imports flow:
 *
 *   cli → app → { http, delivery, storage adapters } → storage/store.ts, port/ → domain        receiver ← server
 */
const SERVER = '^packages/server/src'
/** The store's port: what a whole store is, and its parts. */
const PORT = `${SERVER}/storage/(store\\.ts$|port/)`

/** Modules in `folder` may only import from the places in `allowed` (regular expressions on paths). */
const onlyMayImport = (folder, allowed) => ({
  name: `${folder.replace(/[\^$\\]/g, '')} imports only what its room may`,
  severity: 'error',
  from: { path: folder, pathNot: '\\.test\\.ts$' },
  to: { pathNot: [folder, ...allowed] },
})

const NODE =
  '^(node:|assert|async_hooks|buffer|child_process|crypto|dns|events|fs|http|net|os|path|stream|timers|tls|tty|url|util|worker_threads|sqlite|zlib)'
const npm = (name) => `node_modules/${name}/`

module.exports = {
  forbidden: [
    onlyMayImport('^packages/receiver/src', []),
    onlyMayImport(`${SERVER}/domain`, ['^(node:)?crypto$']),
    onlyMayImport(PORT, [`${SERVER}/domain`]),
    onlyMayImport(`${SERVER}/storage`, [`${SERVER}/domain`, NODE, npm('pg')]),
    onlyMayImport(`${SERVER}/move`, [`${SERVER}/domain`, `${SERVER}/storage/move\\.ts$`, NODE]),
    onlyMayImport(`${SERVER}/outbox`, [`${SERVER}/storage/postgres/relay-outbox\\.ts$`, NODE]),
    onlyMayImport(`${SERVER}/delivery`, [
      `${SERVER}/domain`,
      PORT,
      '^packages/receiver/src/index\\.ts$',
      NODE,
      npm('undici'),
    ]),
    onlyMayImport(`${SERVER}/http`, [
      `${SERVER}/domain`,
      PORT,
      '^packages/receiver/src/index\\.ts$',
      NODE,
      npm('fastify'),
      npm('typebox'),
    ]),
    onlyMayImport(`${SERVER}/embedded`, [
      `${SERVER}/domain`,
      `${SERVER}/(app\\.ts$|options\\.ts$|options/)`,
      `${SERVER}/http/(authentication|mount|place|message/in-process)\\.ts$`,
      NODE,
      npm('fastify'),
    ]),
    {
      name: 'only app.ts wires: nothing but the CLI and the package index imports it',
      severity: 'error',
      from: { path: `${SERVER}/(domain|storage|delivery|http)` },
      to: { path: `${SERVER}/(app|index)\\.ts$|${SERVER}/(cli|embedded)` },
    },
    {
      name: 'database drivers stay in storage; a bench may fill a database itself',
      severity: 'error',
      from: { pathNot: `${SERVER}/storage|\\.test\\.ts$|/test/|^bench/` },
      to: { path: '^(node:)?sqlite$|node_modules/pg/' },
    },
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no orphans',
      severity: 'error',
      from: { orphan: true, pathNot: '\\.(test|config)\\.ts$|^scripts/|\\.cjs$|\\.d\\.ts$' },
      to: {},
    },
    { name: 'everything resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // dependency-cruiser cannot use TypeScript 7 yet, and warns so: swc reads the sources for it.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|data)/' },
    enhancedResolveOptions: {
      conditionNames: ['@posthorn/source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
}
