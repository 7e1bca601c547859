import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '#test/harness/ports.ts';
import { type Process, startProcess } from '#test/harness/process.ts';
import { type Stack, startStack } from '#test/harness/stack.ts';
import { findProgram } from '#test/harness/system-packages.ts';
import { waitFor } from '#test/harness/wait.ts';

// The receivers in docs/destinations.md, as they are printed there, behind a real stack.

const ROOT = join(import.meta.dirname, '../..');
const page = await readFile(join(ROOT, 'docs/destinations.md'), 'utf8');
const python = await findProgram(['python3'], process.env.PATH ?? '');

/** Returns the code blocks of a language. */
function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, code = '']) => code);
}

const [node = '', library = ''] = blocks('js');
const [inPython = ''] = blocks('python');
const RECEIVERS: [name: string, file: string, code: string, program: string | undefined][] = [
  ['Node', 'receiver.mjs', node, process.execPath],
  ['Node with standardwebhooks', 'receiver.mjs', library, process.execPath],
  ['Python', 'receiver.py', inPython, python],
];

let stack: Stack;
beforeAll(async () => {
  const SECRETS_KEY = Buffer.alloc(32, 'documented').toString('base64');
  stack = await startStack({ env: { SECRETS_KEY, DESTINATION_ALLOW_CIDRS: '127.0.0.1/32' } });
});
afterAll(() => stack.close());

/** Sends the request of the page that creates a destination, with another name and port. */
async function createDestination(name: string, port: number): Promise<{ id: string; signing_secret: string }> {
  const [, example = ''] = /\/destinations -H [^\n]+\n\s+'(\{.+\})'/.exec(page) ?? [];
  const body = example.replace('my-receiver', name).replace(':9000/', `:${port}/`);
  const response = await stack.request('/destinations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const created = await response.text();
  expect(response.status, created).toBe(201);
  return JSON.parse(created);
}

async function startReceiver(file: string, code: string, program: string, env: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'receiver-'));
  await writeFile(join(folder, file), code);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const receiver = startProcess({ name: file, file: program, args: [join(folder, file)], env });
  onTestFinished(async () => {
    await receiver.kill();
    await rm(folder, { recursive: true });
  });
  await waitFor(() => isListening(receiver, Number(env.PORT)), { what: file, timeoutMs: 60_000 });
  return receiver;
}

async function isListening(receiver: Process, port: number): Promise<boolean> {
  if (!receiver.running) throw new Error(`the receiver ended:\n${receiver.lines.join('\n')}`);
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    (error: Error) => !String(error.cause).includes('ECONNREFUSED'),
  );
}

async function sendTest(id: string): Promise<{ delivered: boolean; status: number }> {
  const response = await stack.request(`/destinations/${id}/test`, { method: 'POST' });
  const body = await response.text();
  expect(response.status, body).toBe(200);
  return JSON.parse(body);
}

describe.each(RECEIVERS)('the receiver in %s', (name, file, code, program) => {
  it('has at most 15 lines', () => {
    expect(code.trimEnd().split('\n').length).toBeGreaterThan(5);
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
  });

  it.skipIf(program === undefined)('accepts signed requests and prints the alert', async () => {
    const port = await freePort();
    const { id, signing_secret } = await createDestination(name, port);
    const env = { PATH: process.env.PATH ?? '', PORT: `${port}`, WEBHOOK_SECRET: signing_secret };
    const receiver = await startReceiver(file, code, program ?? '', env);
    expect(await sendTest(id)).toMatchObject({ delivered: true, status: 204 });
    await stack.post({ video: '/videos/test_1.avi', store: `store-of-${id}` });
    await expect.poll(() => receiver.lines, { timeout: 150_000 }).toContain(`alert.processed store-of-${id} 1280x720`);
  });

  it.skipIf(program === undefined)('rejects requests that another secret signed', async () => {
    const port = await freePort();
    const { id } = await createDestination(`${name}, another secret`, port);
    const other = `whsec_${Buffer.alloc(32, 'other').toString('base64')}`;
    await startReceiver(file, code, program ?? '', {
      PATH: process.env.PATH ?? '',
      PORT: `${port}`,
      WEBHOOK_SECRET: other,
    });
    expect(await sendTest(id)).toMatchObject({ delivered: false, status: 401 });
  });
});

if (python === undefined) process.stderr.write('python3 is not installed: its receiver is not tested\n');
