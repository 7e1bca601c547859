// `npm run e2e`: the public endpoint at BASE_URL, or of a system that the tests start themselves.
export default {
  test: {
    include: ['test/e2e/public-endpoint.test.ts'],
    // Passed on explicitly, because Vitest sets its own BASE_URL, '/', where tests run.
    provide: { baseUrl: process.env.BASE_URL ?? '', apiKey: process.env.API_KEY ?? '' },
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
};
