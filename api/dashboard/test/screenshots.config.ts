// `npm run screenshots`: the README's pictures of the operator's page, made anew on a real house.
export default {
  test: {
    include: ['api/dashboard/test/screenshots.ts'],
    globalSetup: ['test/harness/postgres-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
};
