import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { run } from '#sdk/src/cli/run.ts';
import { createClient, newUuid } from '#sdk/src/client.ts';
import { ProblemError, parseRetryAfter } from '#sdk/src/errors.ts';
import { EventParser } from '#sdk/src/event-parser.ts';
import { delayAfter } from '#sdk/src/http.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

it('the package has the version of the project and no dependencies', () => {
  const manifest = JSON.parse(read('../../sdk/package.json'));
  expect(manifest.version).toBe(JSON.parse(read('../../package.json')).version);
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies'])
    expect(manifest[kind]).toBeUndefined();
});

it.each(['\n', '\r\n', '\r'])('reads events with lines that end with %j, wherever they are cut', (end) => {
  const lines = [
    'retry: 3000',
    'id: 1.1',
    '',
    ': comment',
    '',
    'id:2.1',
    'event: alert.failed',
    'data: {',
    'data: }',
    '',
  ];
  const text = `${lines.join(end)}${end}`;
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new EventParser();
    // A last \r may be half of \r\n: its block is complete with the next character.
    const blocks = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut)), ...parser.push(`:${end}`)];
    expect(blocks.filter(({ id }) => id !== undefined)).toEqual([
      { id: '1.1', event: '', data: '' },
      { id: '2.1', event: 'alert.failed', data: '{\n}' },
    ]);
  }
});

it('limits the size of an event', () => {
  const parser = new EventParser();
  expect(() => parser.push(`data: ${'x'.repeat(1_100_000)}`)).toThrow('1 MiB');
});

it.each([
  ['3', 3_000],
  ['Fri, 27 Nov 2026 12:00:05 GMT', 5_000],
  ['Fri, 27 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  [null, undefined],
])('reads Retry-After %j', (header, ms) => {
  expect(parseRetryAfter(header, Date.UTC(2026, 10, 27, 12))).toBe(ms);
});

it('waits longer after each attempt, at most 30 s, and never less than Retry-After', () => {
  const unavailable = (headers = {}) => new ProblemError(503, {}, new Headers(headers));
  for (const [attempt, max] of [
    [1, 500],
    [2, 1_000],
    [20, 30_000],
  ] as const) {
    expect(delayAfter(unavailable(), attempt)).toBeLessThanOrEqual(max);
    expect(delayAfter(unavailable(), attempt)).toBeGreaterThanOrEqual(max * 0.75);
  }
  expect(delayAfter(unavailable({ 'retry-after': '60' }), 1)).toBe(60_000);
});

it('an error has the fields of the problem, also if the response is not a problem', () => {
  const errors = [{ pointer: '#/store', code: 'too_small', detail: 'must not be empty' }];
  const body = {
    type: '/problems/validation',
    title: 'Validation failed',
    detail: '1 invalid field.',
    errors,
    request_id: 'r1',
  };
  const problem = new ProblemError(422, body, new Headers());
  expect(problem).toMatchObject({ type: '/problems/validation', status: 422, errors, requestId: 'r1' });
  expect(problem.message).toBe('Validation failed: 1 invalid field.\n  #/store must not be empty');
  const page = new ProblemError(502, undefined, new Headers({ 'x-request-id': 'r2' }));
  expect(page).toMatchObject({ type: 'about:blank', status: 502, errors: [], requestId: 'r2', title: 'HTTP 502' });
});

it('makes random UUIDs of version 4', () => {
  const uuids = Array.from({ length: 100 }, newUuid);
  expect(new Set(uuids).size).toBe(100);
  for (const uuid of uuids)
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

it.each(['localhost:8000', 'ftp://localhost', 'http://localhost/?key=1', 'http://me:key@localhost', 'nowhere'])(
  'rejects the url %s',
  (url) => {
    expect(() => createClient({ url })).toThrow(TypeError);
  },
);

async function runCli(...args: string[]) {
  let [out, err] = ['', ''];
  const code = await run(args, {
    env: {},
    version: '1.2.3',
    signal: new AbortController().signal,
    write: (text) => {
      out += text;
    },
    writeError: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

it('the help of the program lists its commands, and each command has examples', async () => {
  const { code, out } = await runCli('--help');
  expect(code).toBe(0);
  const commands = [...(/Commands:\n((?: {2}.+\n)+)/.exec(out)?.[1] ?? '').matchAll(/^ {2}(\w+)/gm)].map(
    ([, name = '']) => name,
  );
  expect(commands).toEqual(expect.arrayContaining(['send', 'wait', 'tail', 'list', 'retry', 'keys']));
  for (const command of commands) {
    const help = await runCli(command, '--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out.split('Examples:\n')[1]).toMatch(new RegExp(`^ {2}video-alerts (${command}|list)`));
  }
  expect(await runCli('--version')).toMatchObject({ code: 0, out: '1.2.3\n' });
});

it.each([
  [['sent'], 'Unknown command sent. See video-alerts --help'],
  [['constructor'], 'Unknown command constructor. See video-alerts --help'],
  [['send', '/videos/test_1.avi'], '--store is required. See video-alerts send --help'],
  [['send', '--store', 'x'], 'send takes one VIDEO, the path on the video server. See video-alerts send --help'],
  [
    ['send', 'a', '--store', 'x', '--timestamp', 'now'],
    '--timestamp takes a number, not now. See video-alerts send --help',
  ],
  [
    ['list', '--status', 'done'],
    '--status takes pending, processing, processed, failed, not done. See video-alerts list --help',
  ],
  [['list', '--limit', '0'], '--limit takes a whole number from 1. See video-alerts list --help'],
  [['keys'], 'keys takes list, create, rotate, revoke, not nothing. See video-alerts keys --help'],
  [['keys', 'revoke'], 'keys rotate and keys revoke take one ID, as shown by keys list. See video-alerts keys --help'],
  [
    ['keys', 'create', '--name', 'x', '--scope', 'read,all'],
    '--scope takes write, read, operate, manage, metrics. See video-alerts keys --help',
  ],
  [['wait'], 'wait takes at least one UUID. See video-alerts wait --help'],
  [['tail', '--url', 'nowhere'], 'Invalid URL. See video-alerts tail --help'],
])('%j is wrong usage', async (args, message) => {
  expect(await runCli(...args)).toEqual({ code: 2, out: '', err: `${message}\n` });
});

it.each([
  ['an unknown option', ['tail', '--stores', 'x']],
  ['an option without its value', ['tail', '--store']],
])('%s is wrong usage', async (_what, args) => {
  const { code, err } = await runCli(...args);
  expect(code).toBe(2);
  expect(err).toMatch(/^.+\. See video-alerts tail --help\n$/);
});
