/** Work that is done at its first use, and once. @module */

/** Delays `make` to the first call: Workers refuse to import keys while a module loads. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
