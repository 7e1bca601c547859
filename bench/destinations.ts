import { once } from 'node:events';
import { createServer } from 'node:http';
import { freePort } from '#test/harness/ports.ts';

/** The variables of api and worker that destinations on this machine need. */
export const DESTINATION_SETTINGS = {
  SECRETS_KEY: Buffer.alloc(32, 'bench').toString('base64'),
  DESTINATION_ALLOW_CIDRS: '127.0.0.1/32',
};

/**
 * Starts webhook receivers that accept every request, and creates a destination for each. They run in this process, so
 * that their processor time is not counted.
 */
export async function openDestinations(
  count: number,
  apiUrl: string,
  opened: { close(): Promise<void> }[],
): Promise<void> {
  for (let number = 1; number <= count; number += 1) {
    const server = createServer((request, response) => {
      request.resume();
      response.end();
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    opened.unshift({
      async close() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    });
    const config = { url: `http://127.0.0.1:${port}/` };
    const response = await fetch(`${apiUrl}/destinations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: `bench ${number}`, kind: 'webhook', config }),
    });
    if (!response.ok) throw new Error(`POST /destinations got ${response.status}: ${await response.text()}`);
    await response.body?.cancel();
  }
}
