import { json, type TestApi } from '../../test/test-api.ts';

export type Sent = {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what tests assert
  body: any;
};

/** Sends a request with a JSON body, and returns the response with its parsed body. */
export async function send(
  api: Pick<TestApi, 'url'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Sent> {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? await json(response) : undefined };
}

let names = 0;

/** Returns a valid body of POST /destinations with a new name. */
export function newDestination(changes: Record<string, unknown> = {}) {
  names += 1;
  return { name: `destination ${names}`, kind: 'webhook', config: { url: 'https://example.com/hook' }, ...changes };
}

/** Returns the pointers of a validation problem. */
export function pointersOf({ body }: Sent): string[] {
  return body.errors.map(({ pointer }: { pointer: string }) => pointer);
}
