/** What an engine needs to say who it is, where a test is about something else. @module */

import { AccessTokens } from '../../src/delivery/access-tokens.ts'
import type { AttemptContext } from '../../src/delivery/attempt.ts'

/** A sender without a public URL, to endpoints that want no tokens. */
export const TEST_SENDER: Pick<AttemptContext, 'sender' | 'tokens'> = {
  sender: { userAgent: 'test', publicUrl: null, requestOrigin: null },
  tokens: new AccessTokens({
    client: { post: async () => ({ kind: 'failed', reason: 'network_failure', detail: 'no token server' }) },
    clock: Date.now,
    userAgent: 'test',
    timeoutMs: 1_000,
  }),
}
