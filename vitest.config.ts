import { fileURLToPath } from 'node:url'

import { defineConfig } from 'vitest/config'

// What Node has compiled and stripped of types is kept, for the threads and processes that the tests start by the hundred:
// without that a server's start costs twice as much processor time, most of it for the same files again.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('node_modules/.cache/posthorn/compiled', import.meta.url),
)

const CONDITIONS = ['@posthorn/source']

const POSTGRES = ['packages/server/test/support/postgres-setup.ts']

/** Tests where the database matters: they run on the embedded one and on PostgreSQL. */
const ON_BOTH = [
  'access',
  'automatic-disabling',
  'background-tasks',
  'batch-endpoints',
  'cluster-status',
  'durability',
  'endpoint-headers',
  'endpoint-lifecycle',
  'endpoint-queue',
  'endpoint-settings',
  'exhausted',
  'idempotency',
  'isolation',
  'message-content',
  'message-explanations',
  'message-search',
  'operational-durability',
  'operational-events',
  'operational-webhook',
  'ordered-endpoints',
  'paging',
  'payload-bytes',
  'permissions',
  'portal-access',
  'retry',
  'rotation-under-load',
  'secret-rotation',
  'send-again',
  'signing-identity',
  'strict-event-types',
  'svix-client',
  'svix-messages',
  'token-command',
  'token-reach',
  'upsert',
  'validation',
]

export default defineConfig({
  resolve: { conditions: CONDITIONS },
  ssr: { resolve: { conditions: CONDITIONS } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'main',
          globalSetup: POSTGRES,
          include: [
            'packages/*/src/**/*.test.ts',
            'packages/*/test/**/*.test.ts',
            'examples/testing/vitest.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'PostgreSQL',
          globalSetup: POSTGRES,
          env: { POSTHORN_TEST_DATABASE: 'postgres' },
          include: ON_BOTH.map((name) => `packages/server/test/${name}.test.ts`),
        },
      },
    ],
    pool: 'forks',
    // One process for file after file: a file finds what another has loaded, so it must leave nothing changed behind.
    isolate: false,
    execArgv: CONDITIONS.map((condition) => `--conditions=${condition}`),
    // One more than a small machine has cores: many tests wait for processes and time-outs.
    maxWorkers: 3,
    // What is waited for comes in a fraction of this; a machine with other things to do may take it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 50_000 } },
  },
})
