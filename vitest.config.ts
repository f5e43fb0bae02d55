import { defineConfig } from 'vitest/config'

const CONDITIONS = ['@posthorn/source']

export default defineConfig({
  resolve: { conditions: CONDITIONS },
  ssr: { resolve: { conditions: CONDITIONS } },
  test: {
    globalSetup: ['packages/server/test/support/postgres-setup.ts'],
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'examples/testing/vitest.test.ts',
    ],
    pool: 'forks',
    execArgv: CONDITIONS.map((condition) => `--conditions=${condition}`),
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
