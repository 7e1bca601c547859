import pg from 'pg';

/** Inserts a webhook whose address is blocked: its deliveries stay pending. Its metrics have the name `unreachable`. */
export async function addFailingDestination(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO destinations (name, kind, config) VALUES ('unreachable', 'webhook', '{"url": "http://192.0.2.1/"}')`,
    );
  } finally {
    await client.end();
  }
}
