// The app on Node.js.
import { serve } from '@hono/node-server'

import { makeApp } from './app.ts'

const app = makeApp(process.env['WEBHOOK_SECRET'] ?? '')
serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 3000) }, ({ port }) => {
  console.log(`listening on http://127.0.0.1:${port}/webhooks`)
})
