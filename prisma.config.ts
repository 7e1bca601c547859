import { defineConfig } from 'prisma/config';

// `prisma generate` never runs the Rust schema engine, yet stops when it cannot download one: any existing file will do.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
