import { Prisma } from './generated/client.ts';

/** Returns the columns of an alert for SELECT, each named like its field in Prisma's client: "received_at AS "receivedAt"". */
export function alertColumns(table?: string): string {
  const prefix = table === undefined ? '' : `${table}.`;
  return Object.values(Prisma.AlertScalarFieldEnum)
    .map((field) => `${prefix}${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} AS "${field}"`)
    .join(', ');
}
