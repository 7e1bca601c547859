/** Returns a new Idempotency-Key. Unlike crypto.randomUUID, this also works over plain HTTP. */
export function newRetryKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((number) => number.toString(36)).join('-');
}
