/** The dedupe store in memory. @module */

export { memoryDedupe, type MemoryDedupeOptions } from './stores/memory-dedupe.ts'
