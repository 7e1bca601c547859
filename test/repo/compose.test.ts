import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

// AUTH=off is safe in a container only as long as its port is published where PUBLISHED_ON says.
const compose = readFileSync(new URL('../../compose.yml', import.meta.url), 'utf8');
const onTheInternet = readFileSync(new URL('../../nginx/tls/compose.yml', import.meta.url), 'utf8');

it('publishes every port on the address that PUBLISHED_ON names, which is loopback', () => {
  const published = [...compose.matchAll(/^ +ports: \[(.+)\]$/gm)].flatMap(([, list = '']) => list.split(', '));
  expect(published.length).toBeGreaterThanOrEqual(2);
  for (const port of published) expect(port).toMatch(/^"127\.0\.0\.1:/);
  expect(compose.match(/ports:/g)).toHaveLength([...compose.matchAll(/^ +ports: \[/gm)].length);
  expect(compose).toMatch(/^ +PUBLISHED_ON: 127\.0\.0\.1$/m);
});

it('asks for keys unless the environment says otherwise', () => {
  expect(compose).toMatch(/^ +AUTH: \$\{AUTH:-keys\}$/m);
});

it('has AUTH=off refused where nginx/tls publishes ports for everyone, and names no video origin that https would not show', () => {
  expect(onTheInternet).toMatch(/^ +ports: \["80:/m);
  // api/test/process.test.ts holds that this is refused.
  expect(onTheInternet).toMatch(/^ +PUBLISHED_ON: 0\.0\.0\.0$/m);
  expect(onTheInternet).toMatch(/^ +VIDEO_PUBLIC_URL: \$\{VIDEO_PUBLIC_URL:-\}$/m);
});
