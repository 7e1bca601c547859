import type { Alert } from '../client.ts';

export type Output = {
  json: boolean;
  /** Writes a line to standard output. */
  line(text: string): void;
  /** Writes a line to standard error. */
  note(text: string): void;
};

type Column<T> = { title: string; width: number; of(item: T): string };

// The widths suit alerts of tests and of most stores; a longer value moves the rest of its line.
const ALERT_COLUMNS: Column<Alert>[] = [
  { title: 'RECEIVED', width: 19, of: ({ received_at }) => received_at.slice(0, 19).replace('T', ' ') },
  { title: 'STATUS', width: 10, of: ({ status }) => status },
  { title: 'RESULT', width: 12, of: resultOf },
  { title: 'STORE', width: 16, of: ({ store, camera }) => (camera === null ? store : `${store}/${camera}`) },
  { title: 'UUID', width: 36, of: ({ uuid }) => uuid },
  { title: 'VIDEO', width: 0, of: ({ video }) => video },
];

export const STATUSES = ['pending', 'processing', 'processed', 'failed'] as const;

/** Writes alerts one by one: as JSON lines, or as the rows of a table whose header is written before the first one. */
export function alertWriter({ json, line }: Output): (alert: Alert) => void {
  let first = true;
  return (alert) => {
    if (json) return line(JSON.stringify(alert));
    if (first) line(row(ALERT_COLUMNS.map(({ title, width }) => [title, width])));
    first = false;
    line(row(ALERT_COLUMNS.map(({ of, width }) => [of(alert), width])));
  };
}

/** Writes a table with columns as wide as their longest value. */
export function writeTable({ line }: Output, rows: string[][]): void {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((cells) => cells[index]?.length ?? 0)));
  for (const cells of rows) line(row(cells.map((cell, index) => [cell, widths[index] ?? 0])));
}

/** Names of stores and files must not control the terminal. */
function row(cells: [text: string, width: number][]): string {
  const padded = cells.map(([text, width]) => text.replace(/\p{Cc}/gu, '?').padEnd(width));
  return padded.join('  ').trimEnd();
}

function resultOf({ resolution, failure, last_error }: Alert): string {
  return resolution ?? failure?.code ?? last_error?.code ?? '-';
}
