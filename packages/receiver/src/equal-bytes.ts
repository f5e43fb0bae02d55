/** Comparison of secret-dependent bytes. @module */

/** Tells whether `a` and `b` are equal, in a time that depends on their lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  // `?? 0` reads past the shorter one: the lengths already differ, and an early return is what we avoid.
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}
