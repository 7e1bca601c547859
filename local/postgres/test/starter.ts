import { startEmbeddedPostgres } from '../embedded.ts';

// A program that starts PostgreSQL on the given folder, prints its URL and runs until it is killed.
const [dataDir = ''] = process.argv.slice(2);
const { url, pid } = await startEmbeddedPostgres({ dataDir, durable: false });
process.stdout.write(`${JSON.stringify({ url, pid })}\n`);
