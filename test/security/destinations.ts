import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './attack.ts';

// biome-ignore lint/suspicious/noExplicitAny: the attack checks what it uses of a response
type Body = any;

export type Reply = { status: number; text: string; body: Body };

export type Manager = {
  /** Sends a request with the scopes manage and read, or with another key; without one if it is empty. */
  send(method: string, path: string, body?: unknown, key?: string): Promise<Reply>;
  /** Creates a destination, which is deleted when the attack ends. */
  create(config: object, more?: object): Promise<Reply>;
};

/** A receiver without an address, so that nothing is sent. */
export const NOWHERE = 'https://receiver.invalid/hook';

/** Creates a key for an hour. */
export async function createKey({ keys }: Target, scope: string, ...more: string[]): Promise<string> {
  const output = await keys('create', '--name', 'destinations', '--scope', scope, '--expires', '1h', ...more);
  const key = /\bva_[\w-]+/.exec(output)?.[0];
  if (key === undefined) throw new Error(`no key was created: ${output}`);
  return key;
}

let names = 0;

/** Runs `work` with a key that manages destinations, and deletes the destinations that it created. */
export async function manageDestinations<Result>(
  target: Target,
  work: (manager: Manager) => Promise<Result>,
): Promise<Result> {
  const manageKey = await createKey(target, 'manage,read');
  const send: Manager['send'] = async (method, path, body, key = manageKey) => {
    const response = await fetch(target.api + path, {
      method,
      headers: {
        ...(key !== '' && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, text, body: isJson ? JSON.parse(text) : undefined };
  };
  const created: string[] = [];
  const create: Manager['create'] = async (config, more = {}) => {
    names += 1;
    const reply = await send('POST', '/destinations', {
      ...{ name: `attack ${process.pid}-${names}`, kind: 'webhook', config, enabled: false },
      ...more,
    });
    if (reply.status === 201) created.push(reply.body.id);
    return reply;
  };
  try {
    return await work({ send, create });
  } finally {
    for (const id of created) await send('DELETE', `/destinations/${id}`);
  }
}

/** Repeats a request until `found` accepts the response, for 30 s at most. */
export async function until(request: () => Promise<Reply>, found: (reply: Reply) => boolean): Promise<Reply> {
  const end = Date.now() + 30_000;
  for (;;) {
    const reply = await request();
    if (found(reply)) return reply;
    if (Date.now() > end) throw new Error(`not found within 30 s: ${reply.status} ${reply.text.slice(0, 200)}`);
    await sleep(200);
  }
}

/** Returns the result of an attack: what was not defended, or what was observed. */
export function resultOf(problems: string[], observed: string) {
  return { defended: problems.length === 0, observed: problems.length === 0 ? observed : problems.join('; ') };
}
