import type { FailureCode } from '#prisma/generated/enums.ts';

/** What a store is told of one alert. `timestamp` in Unix seconds. */
export type Notification = {
  uuid: string;
  store: string;
  timestamp: number;
  outcome: { resolution: string } | { failure: FailureCode; detail: string };
};

/** Resolves when the notification is out of our hands. At least once: the uuid tells a repetition. */
export type Notifier = { notify(notification: Notification): Promise<void> };
