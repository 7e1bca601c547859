/** What `look` sees, once it sees something; throws after so many seconds. */
export async function until<T>(look: () => T | Promise<T>, seconds = 30): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + seconds * 1000; ; ) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
