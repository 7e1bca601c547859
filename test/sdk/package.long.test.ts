// The tests of the installed package share its installation, which takes seconds, and one stack.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findBrowser, launch, openPage } from '#api/dashboard/test/browser.ts';
import { freePort } from '#test/harness/ports.ts';
import { runCommand, startCommand } from '#test/harness/run-command.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { findProgram } from '#test/harness/system-packages.ts';
import { documentedCode, findNodes, installPackage, type NodeBinary, run } from './installed-package.ts';

const OPTIONS = { timeout: 600_000 };
const PATH = process.env.PATH ?? '';
const ROOT = join(import.meta.dirname, '../..');
const UNKNOWN = '00000000-0000-4000-8000-000000000000';

const nodes = await findNodes();
const [python, curl] = await Promise.all([['python3'], ['curl']].map((names) => findProgram(names, PATH)));
const browser = await findBrowser();
for (const [name, path] of Object.entries({ python3: python, curl })) {
  if (path === undefined)
    process.stderr.write(`${name} is not installed: its example in docs/clients.md is not run.\n`);
}

let stack: Stack;
/** Where the package is installed. */
let folder: string;
let env: { VIDEO_ALERTS_URL: string; VIDEO_ALERTS_KEY: string };
/** The origin of a page that may call the api. */
let pageOrigin: string;

beforeAll(async () => {
  const port = await freePort();
  pageOrigin = `http://localhost:${port}`;
  stack = await startStack({ env: { AUTH: 'keys', CORS_ORIGINS: pageOrigin } });
  return async () => {
    await stack.close();
    if (folder !== undefined) await rm(dirname(folder), { recursive: true });
  };
}, OPTIONS.timeout);

async function prepare(): Promise<void> {
  folder ??= await installPackage();
  if (env !== undefined) return;
  const options = ['--name', 'sdk', '--scope', 'write,read,operate,manage'];
  const created = await runCommand('api/auth/keys-cli.ts', ['create', ...options], { DATABASE_URL: stack.databaseUrl });
  expect(created.code, created.err).toBe(0);
  env = { VIDEO_ALERTS_URL: stack.apiUrl, VIDEO_ALERTS_KEY: created.out.trim() };
}

/** Returns the command line of the installed package, as a shell finds it, on this Node. */
function commandLine(node: NodeBinary) {
  const start = (...args: string[]) =>
    startCommand(join(folder, 'node_modules/.bin/video-alerts'), args, {
      env: { ...env, PATH: `${node.folder}:${PATH}` },
      cwd: folder,
    });
  const json = async (...args: string[]) => {
    const { out, err, code } = await start(...args, '--json').result;
    return {
      code,
      err,
      lines: out
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    };
  };
  return { start, run: (...args: string[]) => start(...args).result, json };
}

it('has types, built with no dependency', OPTIONS, async () => {
  await prepare();
  const manifest = JSON.parse(await readFile(join(folder, 'node_modules/video-alerts/package.json'), 'utf8'));
  expect(manifest.version).toBe(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).version);
  expect(await readFile(join(folder, 'node_modules/video-alerts/LICENSE'), 'utf8')).toContain('MIT');
  const options = {
    target: 'es2022',
    lib: ['es2022', 'dom'],
    module: 'nodenext',
    types: [],
    strict: true,
    noEmit: true,
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }));
  await writeFile(
    join(folder, 'consumer.ts'),
    `import { type Alert, createClient, ProblemError, type components } from 'video-alerts';
const client = createClient({ url: 'http://127.0.0.1:8000', key: 'va_1_2' });
export const alert: Alert = await client.send({ video: '/videos/test_1.avi', store: 'test-store', timestamp: 1 });
export const resolution: string | null = alert.resolution;
export const page: components['schemas']['AlertPage'] = { data: [alert], next_cursor: null };
// @ts-expect-error: an alert has no such field
export const title = alert.title;
// @ts-expect-error: the store is missing
await client.send({ video: '/videos/test_1.avi', timestamp: 1 });
for await (const event of client.events({ status: 'failed' })) {
  if (event.type === 'reset') continue;
  export_(event.alert.uuid);
}
function export_(uuid: string) {
  client.wait(uuid).catch((error: unknown) => error instanceof ProblemError && error.type === '/problems/not-found');
}
`,
  );
  const result = await startCommand(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder }).result;
  expect(result).toMatchObject({ code: 0, out: '' });
});

describe.each(nodes)('the command line on $name', (node) => {
  it('sends, waits, lists and retries', OPTIONS, async () => {
    await prepare();
    const cli = commandLine(node);
    const store = `store of ${node.name}`;
    const sent = await cli.json(
      'send',
      '/videos/test_1.avi',
      '--store',
      store,
      '--camera',
      'entrance',
      '--wait',
      '--timeout',
      '150',
    );
    expect(sent).toMatchObject({
      code: 0,
      err: '',
      lines: [{ status: 'processed', resolution: '1280x720', camera: 'entrance' }],
    });
    const [{ uuid }] = sent.lines;
    const again = ['--uuid', uuid, '--timestamp', `${sent.lines[0].timestamp}`, '--camera', 'entrance'];
    expect(await cli.json('send', '/videos/test_1.avi', '--store', store, ...again)).toMatchObject({
      code: 0,
      lines: [{ uuid }],
    });
    expect(await cli.json('wait', uuid)).toMatchObject({ code: 0, lines: [{ uuid, status: 'processed' }] });

    const failed = await cli.run('send', '/videos/broken.mp4', '--store', store, '--wait', '--timeout', '150');
    expect(failed).toMatchObject({ code: 1, out: expect.stringContaining('video_unreadable') });
    expect(failed.err).toContain('Replace the file, then retry.');
    const { lines } = await cli.json('list', '--store', store, '--status', 'failed');
    expect(lines).toHaveLength(1);
    const retried = await cli.json('retry', lines[0].uuid, '--wait', '--timeout', '150');
    expect(retried).toMatchObject({ code: 1, lines: [{ uuid: lines[0].uuid, status: 'failed' }] });
    expect((await cli.json('retry', uuid)).code).toBe(3);

    const table = (await cli.run('list', '--store', store, '--limit', '1')).out.split('\n');
    expect(table[0]).toMatch(/^RECEIVED +STATUS +RESULT +STORE +UUID +VIDEO$/);
    expect(table[1]).toContain('/videos/broken.mp4');
    expect((await cli.run('list', '--store', 'no such store')).err).toBe('No alert matches.\n');
  });

  it('follows changes until Ctrl-C', OPTIONS, async () => {
    await prepare();
    const cli = commandLine(node);
    const three = cli.start('tail', '--status', 'processed', '--count', '3', '--json');
    const ended = three.result.finally(() => stopSending.abort());
    const stopSending = new AbortController();
    while (!stopSending.signal.aborted) await cli.json('send', '/videos/test_2.mp4', '--store', 'tail');
    const { code, out } = await ended;
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect({ code, types: events.map(({ type }) => type) }).toEqual({
      code: 0,
      types: Array(3).fill('alert.processed'),
    });
    // The position of an event continues after it.
    const rest = await cli.json('tail', '--after', events[0].id, '--status', 'processed', '--count', '2');
    expect(rest.lines.map(({ id }) => id)).toEqual(events.slice(1).map(({ id }) => id));

    const endless = cli.start('tail', '--after', events[2].id);
    await cli.json('send', '/videos/test_2.mp4', '--store', 'tail');
    // It has handlers for signals once it runs: until then, the signal ends it without its exit code.
    const interrupt = setInterval(() => endless.stop('SIGINT'), 3_000);
    onTestFinished(() => clearInterval(interrupt));
    expect((await endless.result).code).toBe(130);
  });

  it('creates, lists, rotates and revokes keys', OPTIONS, async () => {
    await prepare();
    const cli = commandLine(node);
    const options = ['--name', `cameras of ${node.name}`, '--scope', 'write,read', '--store', 'harbour-store'];
    const created = await cli.run('keys', 'create', ...options, '--expires', '90d');
    expect(created).toMatchObject({ code: 0, out: expect.stringMatching(/^va_[0-9a-f]{10}_\S+\n$/) });
    const key = created.out.trim();
    const id = key.split('_')[1] ?? '';
    const listed = await cli.json('keys', 'list');
    expect(listed.lines.find((each) => each.id === id)).toMatchObject({
      scopes: ['write', 'read'],
      stores: ['harbour-store'],
      status: 'active',
      expires_at: expect.any(String),
    });
    expect((await cli.run('keys', 'list')).out).toMatch(new RegExp(`^ID +NAME .+\n(.+\n)*${id} .+harbour-store`));
    const rotated = await cli.json('keys', 'rotate', id, '--overlap', '2h');
    expect(rotated).toMatchObject({ code: 0, lines: [{ replaces: { id }, key: expect.stringMatching(/^va_/) }] });
    // The old key and the new one are valid.
    for (const each of [key, rotated.lines[0].key]) {
      expect((await cli.json('list', '--store', 'harbour-store', '--key', each)).code).toBe(0);
    }
    expect((await cli.run('keys', 'revoke', id)).code).toBe(0);
    const revoked = async () => (await cli.run('list', '--key', key)).code;
    await expect.poll(revoked, { timeout: 150_000 }).toBe(3);
    expect((await cli.run('keys', 'list', '--key', rotated.lines[0].key)).code).toBe(3);
  });

  it('reports errors by its exit code', OPTIONS, async () => {
    await prepare();
    const cli = commandLine(node);
    expect(await cli.run('send')).toMatchObject({ code: 2, out: '' });
    expect(await cli.run('wait', UNKNOWN)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^404 Not found: .+\(request /),
    });
    expect(await cli.run('list', '--key', 'va_0123456789_wrong')).toMatchObject({
      code: 3,
      err: expect.stringContaining('VIDEO_ALERTS_KEY'),
    });
    const invalid = await cli.run('send', 'test_1.avi', '--store', 'x');
    expect(invalid).toMatchObject({ code: 3, err: expect.stringContaining('#/video') });
    const nothing = `http://127.0.0.1:${await freePort()}`;
    const refused = await cli.run('list', '--url', nothing, '--retry-for', '2');
    expect(refused).toMatchObject({ code: 4, err: expect.stringContaining('ECONNREFUSED') });
    const [worker] = stack.workers;
    await worker?.stop();
    onTestFinished(() => worker?.start());
    const pending = await cli.run('send', '/videos/test_1.avi', '--store', 'x', '--wait', '--timeout', '5');
    expect(pending).toMatchObject({ code: 5, err: expect.stringMatching(/is still pending/) });
  });

  it('the example of docs/clients.md runs', OPTIONS, async () => {
    await prepare();
    const [code = ''] = await documentedCode('JavaScript and TypeScript', 'js');
    await writeFile(join(folder, 'example.js'), code);
    const example = startCommand(join(node.folder, 'node'), ['example.js'], { env: { ...env, PATH }, cwd: folder });
    const ended = new AbortController();
    const result = example.result.finally(() => ended.abort());
    const cli = commandLine(node);
    // The example follows the store until another alert is processed.
    while (!ended.signal.aborted) await cli.json('send', '/videos/test_2.mp4', '--store', 'test-store');
    const { out, err, code: exitCode } = await result;
    expect({ err, exitCode }).toEqual({ err: '', exitCode: 0 });
    expect(out).toMatch(/^processed 1280x720\n/);
    expect(out).toContain('422 /problems/validation');
    expect(out.trim().split('\n').at(-1)).toMatch(/^\d+\.\d+ alert\.processed [0-9a-f-]{36}$/);
  });
});

describe('docs/clients.md', () => {
  it('sends the first alert from a clone', OPTIONS, async () => {
    await prepare();
    const [code = ''] = await documentedCode('The first alert', 'sh');
    const result = await run('/bin/sh', ['-ec', code.replace('--wait', '--wait --timeout 150')], {
      env: { ...env, PATH },
      cwd: ROOT,
    });
    expect(result.out).toMatch(/^RECEIVED .+\n.+ processed +1280x720 +test-store .+\n$/);
  });

  it.skipIf(python === undefined)('has a Python example that runs', OPTIONS, async () => {
    await prepare();
    const [code = ''] = await documentedCode('Python', 'python');
    const result = await run(python ?? '', ['-c', code], { env: { ...env, PATH }, cwd: folder });
    expect(result.out).toBe('processed 1280x720\n');
  });

  it.skipIf(curl === undefined)('has a curl example that runs', OPTIONS, async () => {
    await prepare();
    const [code = ''] = await documentedCode('curl', 'sh');
    const result = await run('/bin/sh', ['-ec', code], { env: { ...env, PATH }, cwd: folder });
    expect(result.out).toContain('"status":"processed"');
  });
});

it.skipIf('missing' in browser)('works in a page of another origin', OPTIONS, async () => {
  await prepare();
  const dist = join(folder, 'node_modules/video-alerts/dist');
  const server = createServer(async (req, res) => {
    const path = new URL(req.url ?? '/', pageOrigin).pathname;
    res.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html');
    res.end(path.endsWith('.js') ? await readFile(join(dist, path)) : '<!doctype html><link rel="icon" href="data:,">');
  });
  server.listen(Number(new URL(pageOrigin).port));
  const chromium = await launch('path' in browser ? browser.path : '');
  onTestFinished(async () => {
    await chromium.close();
    server.closeAllConnections();
    server.close();
  });
  expect((server.address() as AddressInfo).port).toBe(Number(new URL(pageOrigin).port)); // listening on TCP
  const page = await openPage(chromium, [pageOrigin, stack.apiUrl]);
  await page.goto(pageOrigin);
  const script = `(async () => {
    const { createClient } = await import('/client.js');
    const client = createClient(${JSON.stringify({ url: env.VIDEO_ALERTS_URL, key: env.VIDEO_ALERTS_KEY })});
    const { uuid } = await client.send({ video: '/videos/test_3.mov', store: 'page', timestamp: 1 });
    const alert = await client.wait(uuid, { timeoutMs: 150000 });
    const again = await client.wait(uuid, { timeoutMs: 150000 });
    const missing = await client.get('${UNKNOWN}').catch((error) => error.type);
    const listed = [];
    for await (const each of client.list({ store: 'page' })) listed.push(each.uuid);
    const sending = setInterval(() => client.send({ video: '/videos/test_3.mov', store: 'page', timestamp: 1 }), 1000);
    for await (const { type } of client.events({ store: 'page' })) if (type === 'alert.processed') break;
    clearInterval(sending);
    return [alert.status, again.status, missing, listed.length];
  })()`;
  expect(await page.evaluate(script)).toEqual(['processed', 'processed', '/problems/not-found', 1]);
  // Chromium logs the 404 that this test provokes.
  expect(page.errors.filter((error) => !error.includes('status of 404'))).toEqual([]);
});
