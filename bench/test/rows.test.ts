import { expect, it } from 'vitest';
import { countMismatches } from '../rows.ts';

const VIDEOS = [
  { path: '/videos/a.mp4', resolution: '640x480' },
  { path: '/videos/b.mp4', resolution: '480x640' },
];
const row = (uuid: string, resolution: string | null) => [uuid, { uuid, resolution, bytes: 1, finalAt: 0 }] as const;
const uuids = ['one', 'two', 'three'];

it('counts nothing if every row has the resolution of its video', () => {
  const rows = new Map([row('one', '640x480'), row('two', '480x640'), row('three', '640x480')]);
  expect(countMismatches(rows, uuids, VIDEOS)).toEqual({ wrong: 0, missing: 0 });
});

it('counts a row with the resolution of another video, and a row without a resolution', () => {
  const rows = new Map([row('one', '640x480'), row('two', '640x480'), row('three', null)]);
  expect(countMismatches(rows, uuids, VIDEOS)).toEqual({ wrong: 2, missing: 0 });
});

it('counts the alerts without a final row', () => {
  expect(countMismatches(new Map([row('two', '480x640')]), uuids, VIDEOS)).toEqual({ wrong: 0, missing: 2 });
});
