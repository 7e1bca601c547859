import { randomUUID } from 'node:crypto';
import { waitFor } from './wait.ts';

export type NewAlert = { uuid?: string; video?: string; store?: string; timestamp?: number };

/** What the tests read of an alert; the form is openapi.json's Alert. */
export type AlertResponse = {
  uuid: string;
  status: string;
  attempts: number;
  resolution: string | null;
  notified_at: string | null;
};

export type StackClient = {
  /** Sends a request to the first api. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Posts an alert and returns its uuid. Throws unless it is accepted. */
  post(alert?: NewAlert, headers?: Record<string, string>): Promise<string>;
  /** Returns the alert once its notification was sent. */
  waitUntilNotified(uuid: string, headers?: Record<string, string>): Promise<AlertResponse>;
};

/** Returns a client of the api at this origin. */
export function createStackClient(origin: string): StackClient {
  const request = (path: string, init?: RequestInit) => fetch(`${origin}${path}`, init);
  return {
    request,
    async post(alert = {}, headers = {}) {
      const uuid = randomUUID();
      const timestamp = Math.floor(Date.now() / 1_000);
      const body = { uuid, video: '/videos/test_2.mp4', store: 'test-store', timestamp, ...alert };
      const response = await request('/alerts', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
      if (response.status !== 202) throw new Error(`alert not accepted: ${await response.text()}`);
      return body.uuid;
    },
    waitUntilNotified: (uuid, headers = {}) =>
      waitFor(
        async () => {
          const response = await request(`/alerts/${uuid}`, { headers });
          const alert = (await response.json()) as AlertResponse; // the form of openapi.json
          return alert.notified_at ? alert : undefined;
        },
        { timeoutMs: 60_000, what: `the notification of alert ${uuid}` },
      ),
  };
}
