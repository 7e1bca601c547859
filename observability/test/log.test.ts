import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { createLog } from '../log.ts';

async function logged(write: (log: Awaited<ReturnType<typeof createLog>>) => void, terminal = false): Promise<string> {
  const lines: string[] = [];
  write(await createLog({ service: 'api', level: 'info', terminal, out: { write: (line) => lines.push(line) } }));
  return lines.join('');
}

it('writes JSON with the service, the process id and the fields of a child logger', async () => {
  const line = await logged((log) =>
    log.child({ requestId: 'r', traceId: undefined }).info({ alert: 'a' }, 'received'),
  );
  const { time, ...rest } = JSON.parse(line);
  expect(rest).toEqual({ level: 30, service: 'api', pid: process.pid, requestId: 'r', alert: 'a', msg: 'received' });
  expect(Math.abs(Date.now() - time)).toBeLessThan(60_000);
});

const SECRET = 'secret-9a7b';
const cases: [what: string, write: (log: Awaited<ReturnType<typeof createLog>>) => void, kept: string][] = [
  ['a header', (log) => log.warn({ headers: { authorization: `Bearer ${SECRET}`, accept: 'x' } }), '"accept":"x"'],
  ['a nested header, in any case', (log) => log.warn({ a: { b: { c: { 'Set-Cookie': [SECRET] } } }, d: 1 }), '"d":1'],
  ['a cookie with quotes', (log) => log.warn({ cookie: `a="x"; b=${SECRET}`, d: 1 }), '"d":1'],
  ['a key in a message', (log) => log.warn(`no key va_0a1b2c_${SECRET} here`), 'va_0a1b2c_[redacted] here'],
  ['a token in a message', (log) => log.warn(`sent Bearer ${SECRET}`), 'sent Bearer [redacted]'],
  ['a URL', (log) => log.warn({ url: `redis://user:${SECRET}@host:1/0` }), 'redis://user:[redacted]@host:1/0'],
  [
    'a URL without a user',
    (log) => log.warn(`redis://:${SECRET}@host is unavailable`),
    'redis://:[redacted]@host is unavailable',
  ],
  ['a URL with an @ in the password', (log) => log.warn(`postgres://u:p@${SECRET}@h/d`), 'postgres://u:[redacted]@h/d'],
  [
    "an error's cause",
    (log) => log.error({ err: new Error('unavailable', { cause: new Error(`postgres://u:${SECRET}@h/d`) }) }),
    'unavailable',
  ],
  [
    'a field of an error',
    (log) => log.error({ err: Object.assign(new Error('x'), { password: SECRET }) }),
    '"message":"x"',
  ],
];

it.each(cases)('redacts the secret in %s, and keeps the rest', async (_what, write, kept) => {
  const line = await logged(write);
  expect(line).not.toContain(SECRET);
  expect(line).toContain(kept);
  expect(() => JSON.parse(line)).not.toThrow();
});

it('does not change URLs without a password', async () => {
  const text = 'GET http://127.0.0.1:8080/videos/a@b.mp4 for store c@d: see https://x.example/y:z@w';
  expect(JSON.parse(await logged((log) => log.info(text))).msg).toBe(text);
});

it('redacts pretty-printed lines too', async () => {
  const line = await logged((log) => log.info({ url: `redis://:${SECRET}@host` }, 'connected'), true);
  expect(line).not.toContain(SECRET);
  expect(line).toContain('connected');
  expect(line).not.toMatch(/^\{/);
});

it.each([true, false])(
  'keeps the order of lines with other writers and loses none at exit (terminal: %s)',
  (terminal) => {
    const script = `
    import { createLog } from '../log.ts';
    const log = await createLog({ service: 'worker', level: 'info', terminal: ${terminal} });
    for (let i = 0; i < 200; i++) { log.info('line ' + i); process.stdout.write('other ' + i + '\\n'); }
    process.exit(0);`;
    // Through a shell's pipe, as under compose and npm. To the socket that spawn creates, Node writes asynchronously.
    const command = ['-c', '"$0" --input-type=module -e "$1" | cat', process.execPath, script];
    const { stdout } = spawnSync('sh', command, { encoding: 'utf8', cwd: import.meta.dirname });
    const order = [...stdout.matchAll(/(line|other) (\d+)/g)].map(([text]) => text);
    expect(order).toEqual(Array.from({ length: 200 }, (_, i) => [`line ${i}`, `other ${i}`]).flat());
  },
);
