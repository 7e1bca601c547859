import type { Exit } from '#test/harness/service.ts';
import type { FaultKind } from './faults.ts';
import type { Limits } from './limits.ts';
import type { Unpictured } from './pictures.ts';

// The history of a run as plain data. Times are milliseconds since 1970, all from this machine's clock. A process is named
// after its service and the number of its start: `worker-1.3`.

/** The correct result of an alert on a sample video. */
export type ExpectedResult = { resolution: string } | { failure: string };

export type SentAlert = { uuid: string; store: string; video: string; expected: ExpectedResult };

/** A response of an api. `retryAfter`: whether it had that header. */
export type ApiResponse = { uuid: string; from: number; to: number; status: number; retryAfter: boolean };

/**
 * A request without a response. `refused`: no connection was made, so no api received it. `cut`: the connection closed
 * first. `timeout`: nothing arrived within the client's timeout.
 */
export type FailedRequest = { uuid: string; from: number; to: number; kind: 'refused' | 'cut' | 'timeout' };

/** A notification line. `result`: the resolution or the failure code. `by`: the process that printed it. */
export type Notification = { store: string; result: string; at: number; by: string };

/** A fault that was injected. `process`: the process that it hit, if any. */
export type InjectedFault = { kind: FaultKind; process: string | undefined; from: number; to: number };

/** An event of the change feed. `id`: its position. `uuid`: undefined for a `reset`. */
export type FeedEvent = { stream: number; at: number; id: string; event: string; uuid: string | undefined };

/** A destination that the run creates. An empty list means all. */
export type DestinationFilter = { name: string; stores: string[]; events: string[] };

/**
 * A request to the receiver of a destination. `id`: its webhook-id. `body`: a digest without the picture. `respondedAt`: when
 * the status of the response was sent, if it was.
 */
export type ReceivedRequest = {
  destination: string;
  id: string;
  event: string;
  uuid: string;
  body: string;
  isSigned: boolean;
  at: number;
  status: number | undefined;
  respondedAt: number | undefined;
};

/** From the response to the request that disabled a destination until the request that enabled it again. */
export type DisabledPeriod = { destination: string; from: number; to: number };

/** A delivery at the end of the run. */
export type DeliveryRecord = { id: string; destination: string; uuid: string; event: string; status: string };

/** A delivery after one change. `by`: the process that made the change. `isClaim`: an attempt begins. */
export type DeliveryChange = { id: string; at: number; by: string; status: string; isClaim: boolean };

/** A row at the end of the run. */
export type Row = {
  uuid: string;
  status: string;
  resolution: string | null;
  failureCode: string | null;
  attempts: number;
  notifiedAt: number | null;
};

/** A row after one change. `by`: the process that made the change. */
export type Change = Row & { at: number; by: string; processedAt: number | null };

/** A job that is unfinished although its row is notified. */
export type LeftoverJob = { uuid: string; state: string };

/** What is recorded while the run is in progress. */
export type History = {
  sent: SentAlert[];
  responses: ApiResponse[];
  failedRequests: FailedRequest[];
  notifications: Notification[];
  faults: InjectedFault[];
  events: FeedEvent[];
  exits: Exit[];
  destinations: DestinationFilter[];
  received: ReceivedRequest[];
  disabled: DisabledPeriod[];
};

/** The checker's input: the history, and what database and queue hold at the end. `timedOut`: the time limit ended the run. */
export type Observation = History & {
  rows: Row[];
  changes: Change[];
  leftoverJobs: LeftoverJob[];
  deliveries: DeliveryRecord[];
  deliveryChanges: DeliveryChange[];
  /** The number of deliveries that were still pending some time after the run, and that were then sent again. */
  backlog: number;
  /** The uuids of the alerts that were late. */
  late: string[];
  /** Processed alerts without a picture and without a reason. */
  unpictured: Unpictured[];
  timedOut: boolean;
  limits: Limits;
};

export function newHistory(): History {
  return {
    ...{ sent: [], responses: [], failedRequests: [], notifications: [], faults: [], events: [], exits: [] },
    ...{ destinations: [], received: [], disabled: [] },
  };
}

const NOTIFICATION = /^\[Notification\] Store: (\S+) \| (?:Date: [^|]+ \| (?:Resolution: |Failed: (?=\w)))?([^(]*)/;

/** Records a worker's line if it is a notification, even a malformed one. Ignores all other lines. */
export function recordNotification(history: History, line: string, by: string): void {
  const [, store, result] = NOTIFICATION.exec(line) ?? [];
  if (store === undefined || result === undefined) return;
  history.notifications.push({ store, result: result.trim(), at: Date.now(), by });
}
