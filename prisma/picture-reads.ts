import { createMicroBatcher } from '#async/micro-batch.ts';
import type { RunQuery } from './batched-statement.ts';
import type { PictureRow } from './picture-row.ts';

const FIND = {
  name: 'pictures_find',
  text: `
    SELECT alert_id AS id, status, reason, detail, width, height, picture_bytes::float8, encode(sha256, 'hex') AS sha256
    FROM pictures WHERE alert_id = ANY ($1::bigint[])`,
};

/** Returns the reads of pictures. Reads requested at the same time share one statement. While they are not `on`, there is none. */
export function openPictureReads(runQuery: RunQuery, { on }: { on: boolean }) {
  const batcher = createMicroBatcher<bigint, PictureRow | null>({
    async run(ids) {
      const rows = await runQuery<PictureRow & { id: string }>({ ...FIND, values: [[...new Set(ids)].map(String)] });
      const byId = new Map(rows.map(({ id, ...picture }) => [id, picture]));
      return ids.map((id) => byId.get(`${id}`) ?? null);
    },
    maxBatchSize: 500,
    concurrency: 2,
  });
  return {
    /** Returns the picture of the alert with this id; null if it has no row. */
    find: (alertId: bigint) => (on ? batcher.add(alertId) : Promise.resolve(null)),
    close: batcher.close,
  };
}
