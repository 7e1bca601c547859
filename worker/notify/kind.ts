/** One value per kind of destination, as in the database's enum `destination_kind`. */
export const DESTINATION_KINDS = ['webhook', 'email', 'ntfy', 'slack', 'teams', 'discord', 'mqtt'] as const;
export type DestinationKind = (typeof DESTINATION_KINDS)[number];

/** `test` is sent only on request, to check a destination. */
export type DeliveryEvent = 'alert.processed' | 'alert.failed' | 'alert.late' | 'store.silent' | 'store.back' | 'test';

/** The alert as the API presents it (docs/api.md), at the time of the event. Its fields can grow. */
export type AlertJson = {
  uuid: string;
  status: 'pending' | 'processing' | 'processed' | 'failed';
  video: string;
  store: string;
  /** Unix seconds, of the camera. */
  timestamp: number;
  resolution: string | null;
  failure: { code: string; detail: string; retryable: boolean } | null;
  received_at: string;
  processed_at: string | null;
  /** Absent in messages of older versions. */
  picture?: { status: string; reason: string | null } | null;
  links: { self: string };
};

/** Why an alert is late. `since`: when it was received, or retried by an operator. */
export type LateAlert = { reason: string; since: Date; nextAttemptAt: Date | null };

/**
 * Several alerts of one store in one message. `count` is their number, `alerts` holds at most 100 of them, oldest first.
 * `from` and `to`: the events of the first and of the last.
 */
export type MessageGroup = { store: string; count: number; alerts: AlertJson[]; from: Date; to: Date };

/**
 * The picture of the alert, or why there is none. `bytes`: a WebP file. `link`: a signed absolute URL of the same file, which
 * needs no key and expires; absent without PUBLIC_URL or keys to sign with. `reason`: a code, with a sentence in `detail`.
 */
export type MessagePicture =
  | { bytes: Buffer; width: number; height: number; link?: string }
  | { reason: string; detail: string };

/**
 * A store, or one of its cameras, sent nothing from `since` on. `expected`: alerts that are usually sent until the silence was
 * found. `lastAlertAt`: `since`, or for store.back the alert that ended the silence.
 */
export type MessageSilence = { camera: string | null; since: Date; lastAlertAt: Date; expected: number };

/** One message to a destination. Every attempt sends the same one, except for the picture, which can be ready later. */
export type Message = {
  /** The delivery's id: stable across attempts, so that receivers can recognize a repetition. */
  id: string;
  event: DeliveryEvent;
  /** When the event happened. */
  createdAt: Date;
  store: string | null;
  /** The alert, or the first one of a group; undefined for events without an alert. */
  alert?: AlertJson;
  /** Absent for a group, and while the picture is not finished. */
  picture?: MessagePicture;
  /** Only for alert.late. */
  late?: LateAlert;
  /** Only for store.silent and store.back; their `store` is null for a silence of nearly all stores. */
  silence?: MessageSilence;
  /** Only for a destination that groups its messages. */
  group?: MessageGroup;
  /** Absolute URLs of the operator's page; absent unless PUBLIC_URL is set. */
  links: { alert?: string; list?: string };
};

/** The receiver's response, for the operator. `body`: at most 1 kB of it. */
export type Sent = { status?: number | undefined; body?: string | undefined };

/**
 * A message was not delivered. `message` is one sentence for the operator, without secrets. The library's error does not
 * leave the kind, except as `cause`.
 */
export class SendError extends Error {
  /** The HTTP or SMTP status. */
  readonly status: number | undefined;
  /** At most 1 kB of the response. */
  readonly body: string | undefined;
  /** Delay requested by the receiver (Retry-After), in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The receiver responded 410 Gone: the destination must be disabled. */
  readonly gone: boolean;

  constructor(
    message: string,
    options: {
      cause?: unknown;
      status?: number | undefined;
      body?: string | undefined;
      retryAfterMs?: number | undefined;
      gone?: boolean | undefined;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SendError';
    this.status = options.status;
    this.body = options.body;
    this.retryAfterMs = options.retryAfterMs;
    this.gone = options.gone ?? false;
  }
}

export type SendContext = {
  /** Aborts after DELIVERY_TIMEOUT_MS with its reason, and when the worker stops. `send` must end soon after that. */
  signal: AbortSignal;
  destination: { id: string; name: string };
  now: () => Date;
};

/**
 * A kind of destination. `Config` is its whole configuration with the secret fields, parsed by `kindSchemas` of
 * `#destinations/kinds.ts`.
 */
export type Kind<Config extends object> = {
  /** Resolves once the receiver has accepted the message. Throws SendError. It can send one message more than once. */
  send(config: Config, message: Message, context: SendContext): Promise<Sent>;
  /** Closes what is shared between messages, such as kept-alive connections. */
  close?(): Promise<void>;
};

/** `openKinds` of `worker/notify/kinds.ts` returns them. */
export type Kinds = Record<DestinationKind, Kind<object>>;
