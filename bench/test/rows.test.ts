import { expect, it } from 'vitest';
import { judgeRows } from '../rows.ts';

const TRUTHS = [
  { video: '/videos/a.mp4', resolution: '640x480' },
  { video: '/videos/b.mp4', resolution: '480x640' },
];
const row = (uuid: string, resolution: string | null) => [uuid, { uuid, resolution, bytes: 1, finalAt: 0 }] as const;
const uuids = ['one', 'two', 'three'];

it('finds nothing wrong where every row has the truth of its video', () => {
  const rows = new Map([row('one', '640x480'), row('two', '480x640'), row('three', '640x480')]);
  expect(judgeRows(rows, uuids, TRUTHS)).toEqual({ wrong: 0, missing: 0 });
});

it('counts a resolution that is the truth of another video, and a row without one', () => {
  const rows = new Map([row('one', '640x480'), row('two', '640x480'), row('three', null)]);
  expect(judgeRows(rows, uuids, TRUTHS)).toEqual({ wrong: 2, missing: 0 });
});

it('counts the alerts that have no final row', () => {
  expect(judgeRows(new Map([row('two', '480x640')]), uuids, TRUTHS)).toEqual({ wrong: 0, missing: 2 });
});
