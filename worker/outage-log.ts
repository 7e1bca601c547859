import type { Logger } from 'pino';

// One failed attempt can be due to its video. Several in a row, without a response in between, are due to the server.
const FAILURES = 3;

/** The log of a source's outages: one line when an outage starts, and one when it ends. */
export type OutageLog = {
  /** An attempt failed because of the server. Returns true during an outage. */
  failed(failure: { code: string; detail: string }): boolean;
  /** The server sent a response. */
  responded(): void;
};

/** `source`: its name. */
export function createOutageLog(log: Logger, source: string): OutageLog {
  let failures = 0;
  let firstAt = 0;
  return {
    failed({ code, detail }) {
      if (failures === 0) firstAt = performance.now();
      failures += 1;
      if (failures === FAILURES) {
        log.warn({ source, code, detail }, 'video server outage started: alerts wait and are retried');
      }
      return failures >= FAILURES;
    },
    responded() {
      if (failures >= FAILURES) {
        const seconds = Math.round((performance.now() - firstAt) / 1_000);
        log.warn({ source, seconds, failedAttempts: failures }, 'video server outage ended');
      }
      failures = 0;
    },
  };
}
