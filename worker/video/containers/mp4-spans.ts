import type { OpenVideo } from '../types.ts';
import { BufferedReader, type Span } from './buffered-reader.ts';
import { type Box, findMoov, readBox } from './mp4-boxes.ts';
import { reducedMp4 } from './mp4-reduced.ts';
import { ifReadable } from './reduced.ts';

/** Contains the first frame or enough of it. */
const beginningBytes = 64 * 1024;
/** The moov box of a recording of an hour takes a megabyte, most of it for sample tables. */
const maxCheapMoovBytes = 256 * 1024;
const maxCheapBoxes = 16;
/** In a fragmented file sidx and moof come between moov and the first mdat. */
const maxBoxesAfter = 8;
const maxIndexBytes = 1024 * 1024;

/** `reduced`: a short file that describes the same video; `spans`: the parts of the video that ffprobe needs otherwise. */
export type Mp4Parts = { reduced: Buffer | undefined; spans: Span[] };

/**
 * Returns what to give to ffprobe. The spans are the whole of moov, and the beginning of each box before it and of those
 * after it up to mdat. An mdat among them holds the first frame there: given zeros in its place, some decoders report
 * 0x0. Throws VideoUnreadable if there is no moov box, and any error of `video.read`.
 */
export async function partsForFfprobe(video: OpenVideo): Promise<Mp4Parts> {
  const reader = new BufferedReader(video);
  const before: Box[] = [];
  const moov = await findMoov(reader, (box) => before.push(box));
  const isExpensive = moov.end - moov.start > maxCheapMoovBytes || before.length > maxCheapBoxes;
  const reduced = isExpensive ? await ifReadable(() => reducedMp4(reader, moov)) : undefined;
  const beginnings = before.map(
    ({ start }, index): Span => [start, start + (index < maxCheapBoxes ? beginningBytes : 16)],
  );
  const after = await boxesAfter(reader, moov);
  return { reduced, spans: [...beginnings, [moov.start, moov.end], ...after] };
}

async function boxesAfter(reader: BufferedReader, moov: Box): Promise<Span[]> {
  const spans: Span[] = [];
  let start = moov.end;
  for (let boxes = 0; boxes < maxBoxesAfter && start + 8 <= reader.size; boxes += 1) {
    const box = await readBox(reader, start, reader.size);
    if (box === undefined) break;
    // A sidx box of a long file has an entry per fragment, which ffprobe adds up to the duration.
    spans.push([start, box.type === 'sidx' ? Math.min(box.end, start + maxIndexBytes) : start + beginningBytes]);
    if (box.type === 'mdat') break;
    start = box.end;
  }
  return spans;
}
