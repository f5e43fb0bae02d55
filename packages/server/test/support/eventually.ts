import { vi } from 'vitest'

/**
 * Resolves with what `look` returns once it passes `check`, and fails with the check's complaint when the test's time is
 * nearly up. For state that nobody announces, such as what the API shows.
 */
export async function eventually<T>(look: () => Promise<T> | T, check: (seen: T) => void): Promise<T> {
  return vi.waitFor(
    async () => {
      const seen = await look()
      check(seen)
      return seen
    },
    { timeout: 50_000, interval: 20 },
  )
}
