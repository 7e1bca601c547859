import type { FailureCode } from '#prisma/generated/enums.ts';

/** The final result of one alert, as sent to its store. `timestamp` is in Unix seconds. */
export type Notification = {
  uuid: string;
  store: string;
  timestamp: number;
  receivedAt: Date;
  outcome: { resolution: string } | { failure: FailureCode; detail: string };
};

/** Resolves once the notification is delivered. An alert can be notified more than once; receivers deduplicate by uuid. */
export type Notifier = { notify(notification: Notification): Promise<void> };
