import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Inherited by the processes of Vitest, and by those that the harness starts: each would compile the same sources.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

const LONG = '**/*.long.test.ts';
const longNamed = process.argv.some((argument) => argument.includes('.long'));

/**
 * Starts the long files first, and those of chaos/ before all others. Without results of an earlier run, Vitest begins with
 * the largest file, and a small one that takes minutes would run alone at the end.
 */
class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = (file: string) => file.includes('.long.');
    const rankOf = ({ moduleId }: TestSpecification) => (isLong(moduleId) ? (moduleId.includes('/chaos/') ? 0 : 1) : 2);
    return (await super.sort(files)).toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

/** These tests run as threads of one process: that takes a fifth less processor time than a process for each file. */
const IN_THREADS = [
  '{api,archive,backup,media,prisma,redis,worker/deliveries,worker/notify}/**/test/**/*.test.ts',
  'worker/test/**/*.test.ts',
];

/**
 * `npm test` runs the fast tests. `npm run test:all` (`--mode all`) also runs the `*.long.test.ts` files: fault injection,
 * outages, fuzzing, the video corpus, accessibility, a benchmark. So does a command that names a long file.
 */
export default defineConfig(({ mode }) => {
  const shared = {
    slowTestThreshold: 5_000,
    // Limits for a machine that is much slower than a developer's: they end a test that hangs, and measure nothing.
    testTimeout: 180_000,
    hookTimeout: 300_000,
  };
  const excluded = [
    ...configDefaults.exclude,
    // It starts the whole system, or uses BASE_URL: `npm run e2e`.
    'test/e2e/public-endpoint.test.ts',
  ];
  const long = mode === 'all' || longNamed ? [] : [LONG];
  return {
    test: {
      projects: [
        { test: { ...shared, name: 'threads', pool: 'threads', include: IN_THREADS, exclude: [...excluded, LONG] } },
        // Others count the sockets and children of their process, change its folder, or start whole stacks.
        {
          test: {
            ...shared,
            name: 'processes',
            include: ['**/test/**/*.test.ts'],
            exclude: [...excluded, ...long, ...IN_THREADS.map((glob) => glob.replace('*.test', '!(*.long).test'))],
          },
        },
      ],
      // One PostgreSQL, one Redis and one ffmpeg for the whole run; each test file gets its own database and key prefix.
      globalSetup: ['postgres', 'redis', 'ffmpeg'].map((name) => `test/harness/${name}-setup.ts`),
      // Tests wait about as long as they compute, so two cores serve more than two files.
      maxWorkers: 4,
      sequence: { sequencer: LongFilesFirst },
      // CI counts the tests in the report.
      reporters: process.env.TEST_REPORT
        ? [...configDefaults.reporters, ['json', { outputFile: process.env.TEST_REPORT }]]
        : configDefaults.reporters,
    },
  };
});
