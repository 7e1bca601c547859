// `npm run screenshots`: the README's pictures of the operator's page, made anew on a real house.
export default {
  test: {
    include: ['api/page/test/screenshots.ts'],
    globalSetup: ['prisma/test/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
};
