import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/test/**/*.test.ts'],
    // e2e.test.ts has a house of its own, or BASE_URL: `npm run e2e`.
    exclude: [...configDefaults.exclude, 'test/e2e/public-endpoint.test.ts'],
    // One PostgreSQL and one Redis for the whole run; each test file gets its own database and key prefix from them.
    globalSetup: ['test/harness/postgres-setup.ts', 'test/harness/redis-setup.ts'],
    // Tests start processes of their own: more files at once than cores makes every time limit a matter of luck.
    maxWorkers: 2,
    // CI counts what ran.
    reporters: process.env.TEST_REPORT
      ? [...configDefaults.reporters, ['json', { outputFile: process.env.TEST_REPORT }]]
      : configDefaults.reporters,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
