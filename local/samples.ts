import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** The api's origin, and the headers that authorize the requests. */
export type Api = { url: string; headers: Record<string, string> };

const SAMPLES_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 60_000;
/** An api that needs longer has lost its database or queue since they were checked. */
const READY_NOTICE_MS = 1_500;

const pageSchema = z.looseObject({ data: z.array(z.looseObject({ uuid: z.string(), status: z.string() })) });
const readySchema = z.looseObject({ status: z.unknown(), checks: z.record(z.string(), z.string()) });

/**
 * Resolves when the api reports that it is ready. Prints its failed checks once if that takes a while, and throws them if it
 * takes over a minute.
 */
export async function waitUntilReady({ url }: Api, print: (line: string) => void): Promise<void> {
  const startedAt = Date.now();
  for (let printed = false; ; await sleep(200)) {
    const response = await fetch(`${url}/readyz`);
    const { status, checks } = readySchema.parse(await response.json());
    if (status === 'ready') return;
    const failed = Object.entries(checks).filter(([, result]) => result !== 'ok');
    const reasons = failed.map(([name, reason]) => `${name}: ${reason}`).join('; ');
    const waitedMs = Date.now() - startedAt;
    if (waitedMs > READY_TIMEOUT_MS) throw new Error(`The api is not ready after a minute (${reasons}).`);
    if (waitedMs > READY_NOTICE_MS && !printed) print(`Waiting for the api to be ready (${reasons}).`);
    printed ||= waitedMs > READY_NOTICE_MS;
  }
}

/** Posts the sample alerts through the api if there are no alerts yet, and waits until each one is final. */
export async function postSamples(api: Api, print: (line: string) => void): Promise<void> {
  if ((await listAlerts(api, 1)).length > 0) return;
  const text = await readFile(new URL('./sample-alerts.json', import.meta.url), 'utf8');
  const samples = z.array(z.unknown()).parse(JSON.parse(text));
  print(`The database is empty. Posting ${samples.length} sample alerts.`);
  for (const sample of samples) {
    const headers = { ...api.headers, 'content-type': 'application/json' };
    const response = await fetch(`${api.url}/alerts`, { method: 'POST', headers, body: JSON.stringify(sample) });
    if (response.status !== 202) throw new Error(`A sample alert was rejected: ${await response.text()}`);
  }
  for (const deadline = Date.now() + SAMPLES_TIMEOUT_MS; Date.now() < deadline; await sleep(100)) {
    const alerts = await listAlerts(api, 200);
    if (alerts.every(({ status }) => status === 'processed' || status === 'failed')) return;
  }
  print('Some sample alerts are not final yet. The worker continues with them.');
}

async function listAlerts({ url, headers }: Api, limit: number): Promise<{ status: string }[]> {
  const response = await fetch(`${url}/alerts?limit=${limit}`, { headers });
  return pageSchema.parse(await response.json()).data;
}
