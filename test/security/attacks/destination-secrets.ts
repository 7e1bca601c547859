import { randomBytes } from 'node:crypto';
import type { Attack } from '../attack.ts';
import { manageDestinations, NOWHERE, resultOf } from '../destinations.ts';

/** Configurations with a secret, and the same ones at another server. */
const configsOf = (secret: string): [kind: string, config: object, moved: object][] => [
  ['webhook', { url: NOWHERE, headers: { Authorization: `Bearer ${secret}` } }, { url: 'https://other.invalid/' }],
  ['slack', { url: `https://hooks.invalid/${secret}` }, {}],
  ['teams', { url: `https://hooks.invalid/?sig=${secret}` }, {}],
  ['discord', { url: `https://hooks.invalid/api/webhooks/${secret}` }, {}],
  [
    'ntfy',
    { server: 'https://ntfy.invalid', topic: 'a', token: secret },
    { server: 'https://other.invalid', topic: 'a' },
  ],
  ['mqtt', { url: 'mqtts://broker.invalid', user: 'u', password: secret }, { url: 'mqtts://other.invalid', user: 'u' }],
];

export const attack: Attack = {
  item: 21,
  name: 'secrets of destinations in responses, errors, logs and the database',
  limit: 'encrypted with SECRETS_KEY; never shown; not sent to another server',
  async run(target) {
    return manageDestinations(target, async ({ send, create }) => {
      const problems: string[] = [];
      const secrets: string[] = [];
      const examine = (what: string, text: string) => {
        if (secrets.some((secret) => text.includes(secret))) problems.push(`${what} shows a secret`);
      };
      for (const [kind, config, moved] of configsOf(randomBytes(18).toString('hex'))) {
        secrets.push(/[0-9a-f]{36}/.exec(JSON.stringify(config))?.[0] ?? '');
        const created = await create(config, { kind });
        examine(`POST of ${kind}`, created.text);
        const path = `/destinations/${created.body.id}`;
        // Shown once, in this response.
        if (created.body.signing_secret) secrets.push(created.body.signing_secret);
        examine(`the test of ${kind}`, (await send('POST', `${path}/test`)).text);
        examine(`PATCH of ${kind}`, (await send('PATCH', path, { enabled: false, filter: { stores: ['a'] } })).text);
        examine(`GET of ${kind}`, (await send('GET', path)).text);
        examine(`an error of ${kind}`, (await send('PATCH', path, { config: { ...config, unknown: 1 } })).text);
        if (Object.keys(moved).length === 0) continue;
        const { status } = await send('PATCH', path, { config: moved });
        if (status !== 422) problems.push(`${kind} is moved to another server with its secret: ${status}`);
      }
      for (const path of ['/destinations', '/deliveries', '/openapi.json'])
        examine(path, (await send('GET', path)).text);
      const stored = `SELECT string_agg(destinations::text || encode(secrets, 'escape'), ' ') FROM destinations`;
      examine('the database', await target.sql(stored));
      examine('the log', await target.output());
      return resultOf(problems, `${secrets.length} secrets are in no response, log or column`);
    });
  },
};
