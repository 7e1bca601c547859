import { once } from 'node:events';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import type { Attack } from '../attack.ts';
import { manageDestinations, NOWHERE, resultOf } from '../destinations.ts';

/** The spellings of loopback, of the metadata service of clouds, of private networks. */
const HOSTS = [
  ...['127.0.0.1', '127.1', '0x7f.1', '2130706433', '0177.0.0.1', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '[::]'],
  ...['[64:ff9b::7f00:1]', 'localhost', 'localhost.', 'a.localhost', '169.254.169.254', '10.0.0.1', '[fd00::1]'],
];

/** Names that have a private address where the worker runs. */
const NAMES = { 'npm start': [hostname()], compose: ['postgres', 'api', 'nginx'] };

export const attack: Attack = {
  item: 17,
  name: 'destinations inside the network (SSRF)',
  limit: 'public addresses and DESTINATION_ALLOW_CIDRS, checked by the api and when connecting',
  async run(target) {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await once(server.listen(0, '0.0.0.0'), 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      return await manageDestinations(target, async ({ send, create }) => {
        const problems: string[] = [];
        const configs = (host: string): [string, object][] => [
          ['webhook', { url: `http://${host}:${port}/` }],
          ['ntfy', { server: `http://${host}:${port}`, topic: 'a' }],
          ['slack', { url: `http://${host}:${port}/` }],
          ['mqtt', { url: `mqtt://${host}:${port}` }],
        ];
        for (const host of HOSTS) {
          for (const [kind, config] of configs(host)) {
            const { status } = await create(config, { kind });
            if (status !== 422) problems.push(`${kind} to ${host} gets ${status}`);
          }
        }
        const { body: moved } = await create({ url: NOWHERE });
        const patch = await send('PATCH', `/destinations/${moved.id}`, {
          config: { url: `http://127.0.0.1:${port}/` },
        });
        if (patch.status !== 422) problems.push(`a change to 127.0.0.1 gets ${patch.status}`);
        const mail = { to: ['a@example.com'], from: 'b@example.com', port, security: 'none' };
        for (const name of NAMES[target.name]) {
          for (const [kind, config] of [...configs(name), ['email', { ...mail, host: name }] as const]) {
            const { body } = await create(config, { kind });
            const result = await send('POST', `/destinations/${body.id}/test`);
            const refused = /is not public|host name/.test(result.body.error ?? '');
            if (!refused) problems.push(`${kind} to ${name}: ${result.text.slice(0, 200)}`);
          }
        }
        if (connections > 0) problems.push(`${connections} connections to 127.0.0.1`);
        return resultOf(
          problems,
          `${HOSTS.length} addresses get 422; names are refused when connecting; no connection`,
        );
      });
    } finally {
      server.close();
    }
  },
};
