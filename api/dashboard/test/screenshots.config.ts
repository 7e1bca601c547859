// `npm run screenshots`: takes the documentation's screenshots of the operator's page on a running stack.
export default {
  test: {
    include: ['api/dashboard/test/screenshots.ts'],
    globalSetup: ['test/harness/postgres-setup.ts'],
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
};
