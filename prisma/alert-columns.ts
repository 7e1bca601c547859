import { type Alert, Prisma } from './generated/client.ts';

/** Columns that no reader of an alert sees. */
const INTERNAL = [
  ...(['claims', 'attemptsBefore', 'crashes', 'bytesBefore', 'busyMs'] as const),
  ...(['requestId', 'traceparent', 'queuedAt', 'updatedAt'] as const),
];

export type ShownAlert = Omit<Alert, (typeof INTERNAL)[number]>;

const FIELDS: string[] = Object.values(Prisma.AlertScalarFieldEnum);
const SHOWN_FIELDS = FIELDS.filter((field) => !INTERNAL.some((internal) => internal === field));

/** Returns the columns of an alert for SELECT, each named like its field in Prisma's client: "received_at AS "receivedAt"". */
export function alertColumns(): string {
  return columnsOf(FIELDS, '');
}

/** Returns those of a ShownAlert in the same way, of the table `alerts`. */
export function shownColumns(): string {
  return columnsOf(SHOWN_FIELDS, 'alerts.');
}

function columnsOf(fields: string[], prefix: string): string {
  return fields
    .map((field) => `${prefix}${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} AS "${field}"`)
    .join(', ');
}
