// `npm run e2e`: the front door from outside, of the house at BASE_URL, or of one that it starts itself. Apart from
// `npm test`, whose start.test.ts looks at the house from inside.
export default {
  test: {
    include: ['test/e2e/public-endpoint.test.ts'],
    // Handed on, because Vitest sets a BASE_URL of its own, '/', where tests run.
    provide: { baseUrl: process.env.BASE_URL ?? '', apiKey: process.env.API_KEY ?? '' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
};
