import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { createLog } from '../log.ts';

async function logged(write: (log: Awaited<ReturnType<typeof createLog>>) => void, terminal = false): Promise<string> {
  const lines: string[] = [];
  write(await createLog({ part: 'api', level: 'info', terminal, out: { write: (line) => lines.push(line) } }));
  return lines.join('');
}

it('writes JSON with the part, the process and what a child carries', async () => {
  const line = await logged((log) =>
    log.child({ requestId: 'r', traceId: undefined }).info({ alert: 'a' }, 'received'),
  );
  const { time, ...rest } = JSON.parse(line);
  expect(rest).toEqual({ level: 30, part: 'api', pid: process.pid, requestId: 'r', alert: 'a', msg: 'received' });
  expect(Math.abs(Date.now() - time)).toBeLessThan(60_000);
});

const HUSH = 'hush-9a7b';
const cases: [what: string, write: (log: Awaited<ReturnType<typeof createLog>>) => void, stays: string][] = [
  ['a header', (log) => log.warn({ headers: { authorization: `Bearer ${HUSH}`, accept: 'x' } }), '"accept":"x"'],
  [
    'a header deep within, however it is written',
    (log) => log.warn({ a: { b: { c: { 'Set-Cookie': [HUSH] } } }, d: 1 }),
    '"d":1',
  ],
  ['a cookie with quotes', (log) => log.warn({ cookie: `a="x"; b=${HUSH}`, d: 1 }), '"d":1'],
  ['a key in a text', (log) => log.warn(`no key va_0a1b2c_${HUSH} here`), 'va_0a1b2c_[redacted] here'],
  ['a token in a text', (log) => log.warn(`sent Bearer ${HUSH}`), 'sent Bearer [redacted]'],
  ['a URL', (log) => log.warn({ url: `redis://user:${HUSH}@host:1/0` }), 'redis://user:[redacted]@host:1/0'],
  ['a URL without a user', (log) => log.warn(`redis://:${HUSH}@host is away`), 'redis://:[redacted]@host is away'],
  ['a URL whose password holds an @', (log) => log.warn(`postgres://u:p@${HUSH}@h/d`), 'postgres://u:[redacted]@h/d'],
  [
    "an error's cause",
    (log) => log.error({ err: new Error('away', { cause: new Error(`postgres://u:${HUSH}@h/d`) }) }),
    'away',
  ],
  [
    'a field of an error',
    (log) => log.error({ err: Object.assign(new Error('x'), { password: HUSH }) }),
    '"message":"x"',
  ],
];

it.each(cases)('cuts the secret out of %s, and leaves the rest', async (_what, write, stays) => {
  const line = await logged(write);
  expect(line).not.toContain(HUSH);
  expect(line).toContain(stays);
  expect(() => JSON.parse(line)).not.toThrow();
});

it('leaves addresses without a password as they are', async () => {
  const text = 'GET http://127.0.0.1:8080/videos/a@b.mp4 for store c@d: see https://x.example/y:z@w';
  expect(JSON.parse(await logged((log) => log.info(text))).msg).toBe(text);
});

it('cuts secrets out of lines for eyes too', async () => {
  const line = await logged((log) => log.info({ url: `redis://:${HUSH}@host` }, 'connected'), true);
  expect(line).not.toContain(HUSH);
  expect(line).toContain('connected');
  expect(line).not.toMatch(/^\{/);
});

it.each([true, false])(
  'keeps its lines in order with other writers and loses none at exit (terminal: %s)',
  (terminal) => {
    const script = `
    import { createLog } from '../log.ts';
    const log = await createLog({ part: 'worker', level: 'info', terminal: ${terminal} });
    for (let i = 0; i < 200; i++) { log.info('line ' + i); process.stdout.write('told ' + i + '\\n'); }
    process.exit(0);`;
    // Through a shell's pipe, as under compose and npm: to the socket that spawn would give, Node writes later.
    const command = ['-c', '"$0" --input-type=module -e "$1" | cat', process.execPath, script];
    const { stdout } = spawnSync('sh', command, { encoding: 'utf8' });
    const order = [...stdout.matchAll(/(line|told) (\d+)/g)].map(([text]) => text);
    expect(order).toEqual(Array.from({ length: 200 }, (_, i) => [`line ${i}`, `told ${i}`]).flat());
  },
);
