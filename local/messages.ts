import { randomUUID } from 'node:crypto';
import type { Api } from './samples.ts';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Says whether keys are required, and how to change that. `setting`: put in front of the command that creates keys. */
export function printAuth(auth: 'keys' | 'off', setting: string): void {
  if (auth === 'off')
    print('AUTH=off: anyone on this machine can use the API. Use AUTH=keys npm start to require keys.');
  else print(`AUTH=keys: requests need a key. Create more keys with: ${setting}npm run keys`);
}

/** Prints the addresses, and a curl command that posts one more alert. Without a known key it takes $KEY. */
export function printReady({ url, headers }: Api, videoServer: string, auth: 'keys' | 'off'): void {
  const alert = {
    uuid: randomUUID(),
    video: '/videos/test_1.avi',
    timestamp: Math.floor(Date.now() / 1000),
    store: 'test-store',
  };
  const known = Object.entries(headers).map(([name, value]) => ` -H '${name}: ${value}'`);
  const unknown = auth === 'keys' && known.length === 0;
  const key = unknown ? [' -H "authorization: Bearer $KEY"'] : known;
  print(`
Ready. Press Ctrl-C to stop.
  page    ${url}/
  alerts  ${url}/alerts
  queue   ${url}/queues
  docs    ${url}/docs
  videos  ${videoServer}/videos/

Post one more alert${unknown ? ' (set KEY to an API key; the command above creates one)' : ''}:
  curl -i ${url}/alerts${key.join('')} -H 'content-type: application/json' -d '${JSON.stringify(alert)}'
`);
}
