import { expect, test } from 'vitest'

import { Health, MAX_OPEN_MS, STALLS_TO_OPEN, type Signal } from './health.ts'

const BOUNDS = { min: 2, max: 8 }
const answered = (tookMs = 10): Signal => ({ kind: 'answered', tookMs })
const STALLED: Signal = { kind: 'stalled' }

test('more are allowed with each answer up to the bound, and half with each stall down to the other', () => {
  const health = new Health(6)
  const capacities = []
  for (const signal of [answered(), answered(), answered(), STALLED, STALLED, STALLED, answered()]) {
    health.note(signal, BOUNDS, 0)
    capacities.push(health.capacity(BOUNDS))
  }
  expect(capacities).toEqual([7, 8, 8, 4, 2, 2, 3])
})

test('more are not allowed while answers get slower by it', () => {
  const health = new Health(4)
  health.note(answered(10), BOUNDS, 0)
  for (let i = 0; i < 10; i++) health.note(answered(500), BOUNDS, 0)
  expect(health.capacity(BOUNDS)).toBe(5)
  health.note(answered(12), BOUNDS, 0)
  expect(health.capacity(BOUNDS)).toBe(6)
})

test('an endpoint that has become slower for good is allowed more again in the end', () => {
  const health = new Health(2)
  health.note(answered(10), BOUNDS, 0)
  for (let i = 0; i < 200; i++) health.note(answered(300), BOUNDS, 0)
  expect(health.capacity(BOUNDS)).toBe(8)
})

test('the breaker opens after stalls in a row, for twice as long with each probe that stalls, up to a bound', () => {
  const health = new Health(4)
  for (let i = 1; i < STALLS_TO_OPEN; i++) health.note(STALLED, BOUNDS, 0)
  expect(health.isOpen).toBe(false)
  health.note(STALLED, BOUNDS, 0)
  expect([health.isOpen, health.notBefore, health.capacity(BOUNDS)]).toEqual([true, 1_000, 1])
  const waits = []
  for (let probe = 0; probe < 7; probe++) {
    const now = health.notBefore
    health.note(STALLED, BOUNDS, now)
    waits.push(health.notBefore - now)
  }
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, MAX_OPEN_MS, MAX_OPEN_MS, MAX_OPEN_MS])
})

test('what began before the breaker opened and stalls after that does not keep it open for longer', () => {
  const health = new Health(4)
  for (let i = 0; i < STALLS_TO_OPEN; i++) health.note(STALLED, BOUNDS, 0)
  for (let i = 0; i < 5; i++) health.note(STALLED, BOUNDS, 500)
  expect(health.notBefore).toBe(1_000)
})

test('one answer among the stalls closes it and counts from the beginning', () => {
  const health = new Health(4)
  for (let round = 0; round < 3; round++) {
    for (let i = 1; i < STALLS_TO_OPEN; i++) health.note(STALLED, BOUNDS, 0)
    health.note(answered(), BOUNDS, 0)
    expect(health.isOpen).toBe(false)
  }
})

test('a pause is what the endpoint asks for, no longer than a minute, and later answers do not end it', () => {
  const health = new Health(8)
  health.note({ kind: 'throttled', pauseMs: 5_000 }, BOUNDS, 1_000)
  expect([health.notBefore, health.capacity(BOUNDS)]).toEqual([6_000, 4])
  health.note(answered(), BOUNDS, 1_100)
  expect(health.notBefore).toBe(6_000)
  health.note({ kind: 'throttled', pauseMs: 86_400_000 }, BOUNDS, 2_000)
  expect(health.notBefore).toBe(62_000)
})

test('what another node found holds here: closed for all with the first answer, open until the same instant', () => {
  const health = new Health(16)
  health.hear(5_000)
  expect([health.isOpen, health.notBefore, health.capacity(BOUNDS)]).toEqual([true, 5_000, 1])
  health.hear(null)
  expect([health.isOpen, health.notBefore, health.openUntil]).toEqual([false, 0, null])
})

test('word that a breaker is closed takes no pause away that the endpoint asked for', () => {
  const health = new Health(16)
  health.note({ kind: 'throttled', pauseMs: 9_000 }, BOUNDS, 1_000)
  health.hear(null)
  expect(health.notBefore).toBe(10_000)
})
