import { stringify } from 'csv-stringify/sync';
import { presentAlert } from '#prisma/present-alert.ts';
import type { RelatedAlert } from '#prisma/related-reads.ts';

type Cell = string | number | boolean | null | undefined;
type Row = ReturnType<typeof presentAlert>;

/** The columns in their order. New ones are added at the end: programs may read columns by their number. */
const COLUMNS: Record<string, (alert: Row) => Cell> = {
  uuid: ({ uuid }) => uuid,
  status: ({ status }) => status,
  store: ({ store }) => store,
  camera: ({ camera }) => camera,
  source: ({ source }) => source,
  video: ({ video }) => video,
  timestamp: ({ timestamp }) => timestamp,
  received_at: ({ received_at }) => received_at,
  started_at: ({ started_at }) => started_at,
  processed_at: ({ processed_at }) => processed_at,
  notified_at: ({ notified_at }) => notified_at,
  resolution: ({ resolution }) => resolution,
  width: ({ width }) => width,
  height: ({ height }) => height,
  rotation: ({ rotation }) => rotation,
  codec: ({ codec }) => codec,
  container: ({ container }) => container,
  duration: ({ duration }) => duration,
  attempts: ({ attempts }) => attempts,
  bytes_fetched: ({ bytes_fetched }) => bytes_fetched,
  failure_code: ({ failure }) => failure?.code,
  failure_detail: ({ failure }) => failure?.detail,
  last_error_code: ({ last_error }) => last_error?.code,
  last_error_detail: ({ last_error }) => last_error?.detail,
  next_attempt_at: ({ next_attempt_at }) => next_attempt_at,
  picture_status: ({ picture }) => picture?.status,
  hold_reason: ({ hold }) => hold?.reason,
  hold_created_by: ({ hold }) => hold?.created_by,
  hold_created_at: ({ hold }) => hold?.created_at,
  archived: ({ archived }) => archived,
};
const CELLS = Object.values(COLUMNS);

/** The names of the columns. */
export const CSV_COLUMNS = Object.keys(COLUMNS);

/** For spreadsheets that otherwise read a file as Windows-1252. */
export const BYTE_ORDER_MARK = '\uFEFF';

/** Returns the header row. */
export function csvHeader(): string {
  return toCsv([CSV_COLUMNS]);
}

/** Returns one row per alert. `now`: for times that are null once they have passed. */
export function csvRows(alerts: readonly RelatedAlert[], now = new Date()): string {
  return toCsv(
    alerts.map((alert) => {
      const row = presentAlert(alert, now);
      return CELLS.map((cell) => cell(row));
    }),
  );
}

function toCsv(rows: Cell[][]): string {
  return stringify(rows, {
    record_delimiter: 'windows', // RFC 4180
    quoted_match: /[\r\n]/,
    // A spreadsheet runs a text that begins with = + - @, a tab or CR as a formula. Numbers are not texts.
    // https://owasp.org/www-community/attacks/CSV_Injection
    escape_formulas: true,
    cast: {
      // OWASP also names the line feed, the library does not.
      string: (text) => (text.startsWith('\n') ? `'${text}` : text),
      boolean: String,
    },
  });
}
