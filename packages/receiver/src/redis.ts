/** The dedupe store in Redis. @module */

export { redisDedupe, type RedisClient, type RedisDedupeOptions } from './stores/redis-dedupe.ts'
