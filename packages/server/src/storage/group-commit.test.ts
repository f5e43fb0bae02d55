import { afterEach, expect, test, vi } from 'vitest'

import { GroupCommit, type GroupCommitOptions, type OperationResult } from './group-commit.ts'

/** A transaction that a test ends: with a result for each operation, by default its own text, or with a fault. */
interface Transaction {
  readonly operations: readonly string[]
  end(resultOf?: (operation: string) => OperationResult): void
  fail(error: Error): void
}

const OPTIONS: GroupCommitOptions = { maxBatch: 100, windowMs: 0, maxQueued: 100, maxQueuedBytes: 1_000 }

/** Returns a group commit whose transactions run until the test ends them, and a wait for the next to begin. */
function newGroupCommit(options: Partial<GroupCommitOptions> = {}) {
  const begun: Transaction[] = []
  const waiting: ((transaction: Transaction) => void)[] = []
  const commit = (operations: string[]) =>
    new Promise<OperationResult[]>((resolve, reject) => {
      const transaction: Transaction = {
        operations,
        end: (resultOf = (operation) => ({ value: operation })) => resolve(operations.map(resultOf)),
        fail: reject,
      }
      const waiter = waiting.shift()
      if (waiter === undefined) begun.push(transaction)
      else waiter(transaction)
    })
  return {
    group: new GroupCommit<string>(commit, { ...OPTIONS, ...options }),
    begun,
    next: async () => begun.shift() ?? new Promise<Transaction>((resolve) => waiting.push(resolve)),
  }
}

const busy = { code: 'busy' }

afterEach(() => {
  vi.useRealTimers()
})

test('operations of one moment share a transaction, and each gets its own answer', async () => {
  const { group, next } = newGroupCommit()
  const answers = Promise.all([group.add('a'), group.add('b'), group.add('c')])
  const transaction = await next()
  expect(transaction.operations).toEqual(['a', 'b', 'c'])
  transaction.end((operation) => ({ value: operation.toUpperCase() }))
  expect(await answers).toEqual(['A', 'B', 'C'])
})

test('nobody is answered before the transaction has ended', async () => {
  const { group, next } = newGroupCommit()
  const answered: unknown[] = []
  const answer = group.add('a').then((value) => answered.push(value))
  const transaction = await next()
  expect(answered).toEqual([])
  transaction.end()
  await answer
  expect(answered).toEqual(['a'])
})

test('what is added while a transaction runs waits for the next one, in order', async () => {
  const { group, begun, next } = newGroupCommit()
  const answers = [group.add('a')]
  const first = await next()
  answers.push(group.add('b'), group.add('c'))
  expect(begun).toEqual([])
  first.end()
  const second = await next()
  expect(second.operations).toEqual(['b', 'c'])
  second.end()
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c'])
})

test('a transaction takes no more than its share, and the rest follow in order', async () => {
  const { group, next } = newGroupCommit({ maxBatch: 2 })
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map((operation) => group.add(operation)))
  for (const expected of [['a', 'b'], ['c', 'd'], ['e']]) {
    const transaction = await next()
    expect(transaction.operations).toEqual(expected)
    transaction.end()
  }
  expect(await answers).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('an operation that comes alone is committed at once, and so is the next of the same caller', async () => {
  vi.useFakeTimers()
  const { group, begun } = newGroupCommit({ windowMs: 5 })
  for (const operation of ['a', 'b', 'c']) {
    const answer = group.add(operation)
    await vi.advanceTimersByTimeAsync(0)
    expect(begun.map(({ operations }) => operations)).toEqual([[operation]])
    begun.shift()!.end()
    expect(await answer).toBe(operation)
  }
})

test('after a transaction in company the next one waits for company, for as long as the window is open', async () => {
  vi.useFakeTimers()
  const { group, begun } = newGroupCommit({ windowMs: 5 })
  const company = Promise.all(['a', 'b', 'c'].map((operation) => group.add(operation)))
  await vi.advanceTimersByTimeAsync(0)
  begun.shift()!.end()
  await company

  const answers = [group.add('d')]
  await vi.advanceTimersByTimeAsync(4)
  answers.push(group.add('e'))
  expect(begun).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(begun.map(({ operations }) => operations)).toEqual([['d', 'e']])
  begun[0]!.end()
  expect(await Promise.all(answers)).toEqual(['d', 'e'])
})

test('a full batch waits for no more company', async () => {
  vi.useFakeTimers()
  const { group, begun } = newGroupCommit({ windowMs: 5, maxBatch: 3 })
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((operation) => group.add(operation)))
  await vi.advanceTimersByTimeAsync(0)
  begun.shift()!.end()
  await vi.advanceTimersByTimeAsync(0)
  expect(begun.map(({ operations }) => operations)).toEqual([['d', 'e', 'f']])
  begun[0]!.end()
  await answers
})

test('more operations than may wait are refused as busy, until there is room again', async () => {
  const { group, next } = newGroupCommit({ maxQueued: 2 })
  const taken = [group.add('a'), group.add('b')]
  await expect(group.add('c')).rejects.toMatchObject(busy)

  const transaction = await next()
  expect(transaction.operations).toEqual(['a', 'b'])
  taken.push(group.add('d'))
  transaction.end()
  const following = await next()
  following.end()
  expect(await Promise.all(taken)).toEqual(['a', 'b', 'd'])
})

test('more bytes than may wait are refused as busy, until there is room again', async () => {
  const { group, next } = newGroupCommit({ maxQueuedBytes: 100 })
  const taken = [group.add('a', 60), group.add('b', 40)]
  await expect(group.add('c', 1)).rejects.toMatchObject(busy)

  const transaction = await next()
  expect(transaction.operations).toEqual(['a', 'b'])
  taken.push(group.add('d', 100))
  await expect(group.add('e', 1)).rejects.toMatchObject(busy)
  transaction.end()
  const following = await next()
  following.end()
  expect(await Promise.all(taken)).toEqual(['a', 'b', 'd'])
})

test('what must not be lost is taken, however full the queue is', async () => {
  const { group, next } = newGroupCommit({ maxQueued: 1, maxQueuedBytes: 10 })
  const answers = Promise.all([group.add('a', 10), group.add('b', 10, false), group.add('c', 0, false)])
  const transaction = await next()
  expect(transaction.operations).toEqual(['a', 'b', 'c'])
  transaction.end()
  expect(await answers).toEqual(['a', 'b', 'c'])
})

test('an operation that fails alone leaves the others of its transaction answered', async () => {
  const { group, next } = newGroupCommit()
  const refusal = new Error('refused')
  const answers = Promise.allSettled([group.add('a'), group.add('b'), group.add('c')])
  const transaction = await next()
  transaction.end((operation) => (operation === 'b' ? { error: refusal } : { value: operation }))
  expect(await answers).toEqual([
    { status: 'fulfilled', value: 'a' },
    { status: 'rejected', reason: refusal },
    { status: 'fulfilled', value: 'c' },
  ])
})

test('a transaction that fails fails all of its operations, and the next one runs', async () => {
  const { group, next } = newGroupCommit()
  const fault = new Error('disk full')
  const answers = Promise.allSettled([group.add('a'), group.add('b')])
  const failing = await next()
  const later = group.add('c')
  failing.fail(fault)
  expect(await answers).toEqual([
    { status: 'rejected', reason: fault },
    { status: 'rejected', reason: fault },
  ])
  const following = await next()
  expect(following.operations).toEqual(['c'])
  following.end()
  expect(await later).toBe('c')
})

test('drain resolves once all that was added has been answered, also what came while it waited', async () => {
  const { group, next } = newGroupCommit()
  const events: string[] = []
  const note = (event: string) => () => events.push(event)
  const first = group.add('a').then(note('a'))
  const drained = group.drain().then(note('drained'))
  const transaction = await next()
  const second = group.add('b').then(note('b'))
  transaction.end()
  const following = await next()
  following.end()
  await Promise.all([first, second, drained])
  expect(events).toEqual(['a', 'b', 'drained'])
})

test('drain of a queue that is empty, from the start or again, resolves at once', async () => {
  const { group, next } = newGroupCommit()
  await expect(group.drain()).resolves.toBeUndefined()
  const answer = group.add('a')
  const transaction = await next()
  transaction.end()
  await answer
  await expect(group.drain()).resolves.toBeUndefined()
})
