import type { OpenVideo } from './video.ts';

/** Files have a handful of boxes at the top, fragmented ones keep moov before their many moof. */
const mostBoxes = 64;

/** Walks the top-level boxes of an mp4 or mov by their headers. The bytes [start, end) of moov, undefined where none is. */
export async function findMoov(video: OpenVideo): Promise<[start: number, end: number] | undefined> {
  let start = 0;
  for (let boxes = 0; boxes < mostBoxes && start + 8 <= video.size; boxes += 1) {
    const box = await readBox(video, start);
    if (box === undefined) return undefined;
    if (box.type === 'moov') return [start, Math.min(start + box.size, video.size)];
    start += box.size;
  }
  return undefined;
}

async function readBox(video: OpenVideo, start: number): Promise<{ type: string; size: number } | undefined> {
  const header = Buffer.from(await video.read(start, start + 16));
  const type = header.toString('latin1', 4, 8);
  const short = header.readUInt32BE(0);
  if (short === 0) return { type, size: video.size - start };
  if (short > 1) return short < 8 ? undefined : { type, size: short };
  const long = header.length < 16 ? 0n : header.readBigUInt64BE(8);
  return long < 16n || long > BigInt(video.size) ? undefined : { type, size: Number(long) };
}
