import { join } from 'node:path';

/**
 * Of V8, for each process. By default it lets new objects fill 3 x 32 MiB on a machine with much memory before it frees
 * any: docs/performance.md, "Memory", has the cost.
 */
export const NODE_OPTIONS = '--max-semi-space-size=8';

/** Where Node keeps compiled sources: a later start takes two thirds of the processor time. Ignored if it is not writable. */
export const NODE_COMPILE_CACHE = join(import.meta.dirname, '../node_modules/.cache/compiled');
