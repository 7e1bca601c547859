import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { watchedFolders } from '#local/watch.ts';

// AUTH=off is safe in a container only while its port is published on the address that PUBLISHED_ON names.
const compose = readFileSync(new URL('../../compose.yml', import.meta.url), 'utf8');

type Service = {
  profiles?: string[];
  volumes?: (string | object)[];
  ports?: string[];
  depends_on?: Record<string, { required?: boolean }>;
  [key: string]: unknown;
};
const services = Object.entries(parse(compose, { merge: true }).services as Record<string, Service>);

const withTls = readFileSync(new URL('../../nginx/tls/compose.yml', import.meta.url), 'utf8');

it('publishes every port on loopback, the address that PUBLISHED_ON names', () => {
  const published = [...compose.matchAll(/^ +ports: \[(.+)\]$/gm)].flatMap(([, list = '']) => list.split(', '));
  expect(published.length).toBeGreaterThanOrEqual(2);
  for (const port of published) expect(port).toMatch(/^"127\.0\.0\.1:/);
  expect(compose.match(/ports:/g)).toHaveLength([...compose.matchAll(/^ +ports: \[/gm)].length);
  expect(compose).toMatch(/^ +PUBLISHED_ON: 127\.0\.0\.1$/m);
});

it('mounts in each service only the secrets that it needs', () => {
  const mounts = services
    .filter(([name]) => name !== 'secrets' && name !== 'ha-secrets')
    .flatMap(([name, { volumes = [] }]) =>
      volumes
        .map((volume) => /^(secrets[a-z-]*):\/run\/.+:ro$/.exec(`${volume}`)?.[1])
        .flatMap((volume) => (volume ? [[name, volume]] : [])),
    );
  expect(mounts).toEqual([
    ['postgres', 'secrets-postgres'],
    ['redis', 'secrets-redis'],
    ['roles', 'secrets-roles'],
    ['migrate', 'secrets-migrate'],
    ['api', 'secrets-app'],
    ['api', 'secrets-destinations'],
    ['worker', 'secrets-app'],
    ['worker', 'secrets-destinations'],
    ['backup', 'secrets-migrate'],
    ['backup', 'secrets-destinations'],
    ['redis-replica', 'secrets-redis'],
    ['sentinel', 'secrets-redis'],
    ['postgres-replica', 'secrets-replica'],
    ['pgbouncer', 'secrets-pgbouncer'],
    ['observability-secrets', 'secrets-app'],
  ]);
});

it('restricts every service, publishes no port of the profile ha, and requires none of its services', () => {
  const profiled = new Set(services.filter(([, { profiles }]) => profiles !== undefined).map(([name]) => name));
  for (const [name, service] of services) {
    expect(service, name).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service, name).toMatchObject({ mem_limit: expect.anything(), pids_limit: expect.any(Number) });
    if (service.profiles?.includes('ha')) expect(service.ports, name).toBeUndefined();
    for (const [dependency, { required }] of Object.entries(service.depends_on ?? {})) {
      if (!profiled.has(name) && profiled.has(dependency)) expect(required, `${name} → ${dependency}`).toBe(false);
    }
  }
  expect([...profiled]).toEqual(expect.arrayContaining(['sentinel', 'redis-replica', 'postgres-replica', 'pgbouncer']));
});

it('lets a new release replace only what runs it: PostgreSQL, Redis and nginx depend on nothing with its image', () => {
  const byName = new Map(services);
  const dependenciesOf = (name: string): string[] =>
    Object.keys(byName.get(name)?.depends_on ?? {}).flatMap((each) => [each, ...dependenciesOf(each)]);
  for (const name of ['postgres', 'redis', 'nginx']) {
    for (const each of dependenciesOf(name))
      expect(byName.get(each)?.image, `${name} → ${each}`).not.toBe('video-alerts');
  }
});

it('mounts the media in nginx where its image has no folder, whose owner the empty volume would get', () => {
  const nginx = readFileSync(new URL('../../nginx/nginx.conf', import.meta.url), 'utf8');
  const mounts = [...compose.matchAll(/\bmedia:(\/[\w/]+(?::ro)?)/g)].map(([, target]) => target);
  expect(mounts).toEqual(['/media:ro', '/media', '/media', '/srv/media:ro']);
  expect(nginx).toContain('alias /srv/media/$1;');
});

it('requires API keys unless the environment sets AUTH', () => {
  expect(compose).toMatch(/^ +AUTH: \$\{AUTH:-keys\}$/m);
});

it('makes the api refuse AUTH=off where nginx/tls publishes ports to everyone, and sets no plain http origin for videos', () => {
  expect(withTls).toMatch(/^ +ports: \["80:/m);
  // api/test/process.test.ts tests that the api refuses this.
  expect(withTls).toMatch(/^ +PUBLISHED_ON: 0\.0\.0\.0$/m);
  expect(withTls).toMatch(/^ +VIDEO_PUBLIC_URL: \$\{VIDEO_PUBLIC_URL:-\}$/m);
});

it('gives each service two minutes to start, also on a busy machine, before `up --wait` fails', () => {
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
  const periods = [...`${compose}${dockerfile}`.matchAll(/start[_-]period[:=] ?(\w+)/g)];
  expect(periods.length).toBeGreaterThanOrEqual(6);
  for (const [text, period] of periods) expect(period, text).toBe('2m');
});

it('reports a folder without certificates instead of creating it, or of serving the copies of another one', () => {
  expect(withTls).toMatch(
    /type: bind\n +source: \$\{TLS_DIR:\?.+\n +target: \/source\n.+\n +bind: \{ create_host_path: false \}/,
  );
  expect(withTls).toContain('test: [CMD-SHELL, "test -e /certificates/.current"]');
});

it('serves videos to browsers by another host name than the api, because cookies ignore ports', () => {
  expect(compose).toMatch(/^ +VIDEO_PUBLIC_URL: \$\{VIDEO_PUBLIC_URL:-http:\/\/localhost:\$\{VIDEO_PORT:-8080\}\}$/m);
});

it('copies every folder that api and worker import into the image', async () => {
  const root = new URL('../..', import.meta.url).pathname;
  const services = ['api', 'worker'].map((name) => ({ name, entry: `${name}/index.ts` }));
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8').split('\n');
  const [dockerfile, dockerignore] = [read('Dockerfile'), read('.dockerignore')];
  for (const folder of await watchedFolders(root, services)) {
    expect(dockerfile).toContain(`COPY ${folder} ${folder}`);
    expect(dockerignore).toContain(`!${folder}`);
  }
});
