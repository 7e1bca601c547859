import type { CreatedKey, Key } from '../client.ts';
import { type Command, type Context, EXIT, type OptionValues, text, texts, UsageError } from './command.ts';
import { type Output, writeTable } from './output.ts';

const SCOPES = ['write', 'read', 'operate', 'manage', 'metrics'] as const;
const UNITS: Record<string, number> = { h: 3_600_000, d: 86_400_000 };

export const keys: Command = {
  usage: 'list | create --name NAME --scope SCOPE,… | rotate ID | revoke ID',
  summary: 'List, create, rotate and revoke API keys (scope manage)',
  options: {
    name: { type: 'string' },
    scope: { type: 'string', multiple: true },
    store: { type: 'string', multiple: true },
    expires: { type: 'string' },
    overlap: { type: 'string' },
  },
  help: [
    ['--name NAME', 'create: who uses the key'],
    ['--scope SCOPE,…', `create: ${SCOPES.join(', ')}`],
    ['--store STORE', 'create: limit the key to this store; repeat for several stores; default: all'],
    ['--expires TIME', 'create, rotate: 12h, 90d or a time such as 2027-01-31T00:00:00Z; default: never'],
    ['--overlap TIME', 'rotate: how long the old key stays valid, such as 2h or 7d; 0: not at all; default: 24h'],
  ],
  examples: [
    'video-alerts keys list',
    "video-alerts keys create --name 'harbour cameras' --scope write --store harbour-store --expires 365d",
    'video-alerts keys rotate 3f9c2a71d0 --overlap 7d',
    'video-alerts keys revoke 3f9c2a71d0',
  ],
  async run({ client, values, positionals, output, signal }) {
    const [action = '', ...args] = positionals;
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (!run) throw new UsageError(`keys takes ${Object.keys(ACTIONS).join(', ')}, not ${action || 'nothing'}`);
    await run(args, { client, values, output, signal });
    return EXIT.ok;
  },
};

type KeyContext = Pick<Context, 'client' | 'values' | 'output' | 'signal'>;

const ACTIONS: Record<string, (args: string[], context: KeyContext) => Promise<void>> = {
  async list(args, { client, output, signal }) {
    if (args.length > 0) throw new UsageError('keys list takes no arguments');
    writeKeys(output, await client.keys.list({ signal }));
  },
  async create(args, { client, values, output, signal }) {
    const name = text(values, 'name');
    if (args.length > 0 || name === undefined) throw new UsageError('keys create takes --name and --scope');
    const scopes = scopesOf(values);
    const key = { name, scopes, stores: texts(values, 'store'), expires_at: expiryOf(values) ?? null };
    writeNewKey(output, await client.keys.create(key, { signal }));
  },
  async rotate(args, { client, values, output, signal }) {
    const expires_at = expiryOf(values);
    const overlap = text(values, 'overlap');
    const rotation = { ...(overlap !== undefined && { overlap }), ...(expires_at !== undefined && { expires_at }) };
    const key = await client.keys.rotate(idOf(args), rotation, { signal });
    writeNewKey(output, key);
    if (!output.json) output.note(`The key ${key.replaces.id} is valid until ${key.replaces.valid_until}.`);
  },
  async revoke(args, { client, output, signal }) {
    const id = idOf(args);
    await client.keys.revoke(id, { signal });
    if (!output.json) output.note(`The key ${id} is revoked: every process rejects it within 5 seconds.`);
  },
};

function writeKeys(output: Output, all: Key[]): void {
  if (output.json) {
    for (const key of all) output.line(JSON.stringify(key));
    return;
  }
  const header = ['ID', 'NAME', 'SCOPES', 'STORES', 'EXPIRES', 'LAST USED', 'STATUS'];
  const rows = all.map(({ id, name, scopes, stores, expires_at, last_used_at, status }) => {
    const times = [minuteOf(expires_at), minuteOf(last_used_at)];
    return [id, name, scopes.join(','), stores.join(',') || 'all', ...times, status];
  });
  writeTable(output, [header, ...rows]);
}

/** Only the key is on standard output, so that a script can store it. */
function writeNewKey(output: Output, key: CreatedKey): void {
  if (!output.json) output.note(`Key ${key.id} for ${key.name}, shown only once:`);
  output.line(output.json ? JSON.stringify(key) : key.key);
}

function idOf([id, ...more]: string[]): string {
  if (id === undefined || more.length > 0)
    throw new UsageError('keys rotate and keys revoke take one ID, as shown by keys list');
  return id;
}

function scopesOf(values: OptionValues): (typeof SCOPES)[number][] {
  const given = texts(values, 'scope').flatMap((each) => each.split(','));
  const scopes = SCOPES.filter((scope) => given.includes(scope));
  if (scopes.length === 0 || scopes.length !== new Set(given).size) {
    throw new UsageError(`--scope takes ${SCOPES.join(', ')}`);
  }
  return scopes;
}

/** Returns the time of --expires as the API expects it. */
function expiryOf(values: OptionValues): string | undefined {
  const given = text(values, 'expires');
  const [, count, unit = ''] = /^(\d{1,5})([hd])$/.exec(given ?? '') ?? [];
  return count === undefined ? given : new Date(Date.now() + Number(count) * (UNITS[unit] ?? 0)).toISOString();
}

const minuteOf = (time: string | null) => time?.slice(0, 16).replace('T', ' ') ?? 'never';
