import { expect, test } from 'vitest'

import type { Store } from '../storage/store.ts'
import { AccessUpkeep } from './access-upkeep.ts'

function start(left: number) {
  const calls: string[] = []
  const store = {
    recordTokenUses: async (uses: readonly object[]) => void calls.push(`uses ${uses.length}`),
    purgeAccess: async ({ limit }: { limit: number }) => {
      const removed = Math.min(left, limit)
      left -= removed
      calls.push(`removed ${removed}`)
      if (removed === 13) throw new Error('the disk is full')
      return removed
    },
  } as unknown as Store
  const errors: string[] = []
  const upkeep = new AccessUpkeep({
    store,
    clock: () => 0,
    log: { error: (_fields, text) => void errors.push(text) },
    takeUses: () => [{ tokenId: 'tok_1', at: 0 }],
  })
  return { upkeep, calls, errors }
}

test('a run notes the uses of tokens and removes what is old a part at a time until nothing is left', async () => {
  const { upkeep, calls } = start(2_500)
  await upkeep.run()
  expect(calls).toEqual(['uses 1', 'removed 1000', 'removed 1000', 'removed 500'])
})

test('a run that fails is logged, and the uses are noted when it stops', async () => {
  const { upkeep, calls, errors } = start(13)
  await upkeep.run()
  expect(errors).toHaveLength(1)
  await upkeep.stop()
  expect(calls).toEqual(['uses 1', 'removed 13', 'uses 1'])
})
