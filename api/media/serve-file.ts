import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { ByteRange, MediaKind, MediaStore } from '#media/store.ts';
import { Problem } from '../http/problem.ts';

/** `store`: undefined without MEDIA_URL. `accel`: MEDIA_ACCEL. */
export type MediaFiles = { store: MediaStore | undefined; accel?: string | undefined };

type ServedFile = {
  of: MediaKind;
  /** Of the alert. The name of the file for a browser that saves it. */
  uuid: string;
  /** In hexadecimal. */
  sha256: string;
  bytes: number;
  cacheControl: string;
  /** Other sites may show it. */
  crossOrigin?: boolean;
};

/** Cache-Control of a file for a client with a key. */
export const PRIVATE = 'private, max-age=31536000, immutable';

const TYPES = { picture: ['image/webp', 'webp'], copy: ['video/mp4', 'mp4'] } as const;

/**
 * Sends a stored file or one range of it, 304 to a client that has it, or lets nginx send it. Throws a Problem if the file is
 * missing, or the store unavailable.
 */
export async function serveFile(req: Request, res: Response, files: MediaFiles, file: ServedFile): Promise<void> {
  const { of, sha256, bytes } = file;
  if (isCached(req, res, file)) {
    res.status(304).end();
    return;
  }
  const { store, accel } = files;
  if (store === undefined) throw unavailable('MEDIA_URL is not set.');
  const path = accel === undefined ? undefined : store.internalPath?.(of, sha256);
  if (path !== undefined) {
    res.removeHeader('Cache-Control');
    res.set({ ...acceleratedHeaders(file), 'X-Accel-Redirect': `${accel}${path}` }).end();
    return;
  }
  if (req.method === 'HEAD') {
    const size = await store.size(of, sha256).catch(fail);
    if (size !== bytes) throw lost(req, file);
    res.set({ ...headersOf(file), 'Content-Length': `${bytes}` }).end();
    return;
  }
  const range = requestedRange(req, file);
  const opened = await store.open(of, sha256, range).catch(fail);
  if (opened?.size !== bytes) {
    opened?.stream.destroy();
    throw lost(req, file);
  }
  await send(req, res, { file, range, stream: opened.stream });
}

function headersOf({ of, uuid, sha256, cacheControl, crossOrigin }: ServedFile): Record<string, string> {
  const [type, extension] = TYPES[of];
  return {
    ETag: `"${sha256}"`,
    'Cache-Control': cacheControl,
    'Content-Type': type,
    'Accept-Ranges': 'bytes',
    'Content-Disposition': `inline; filename="${uuid}.${extension}"`,
    ...(crossOrigin && { 'Cross-Origin-Resource-Policy': 'cross-origin' }),
  };
}

/** nginx would send headers with their own names also with its error if the file is missing, and Accept-Ranges twice. */
function acceleratedHeaders(file: ServedFile): Record<string, string> {
  const {
    'Cache-Control': cacheControl = '',
    'Content-Disposition': disposition = '',
    'Accept-Ranges': _,
    ...others
  } = headersOf(file);
  return { ...others, 'X-Accel-Cache-Control': cacheControl, 'X-Accel-Content-Disposition': disposition };
}

/** Returns whether the client's If-None-Match has the file. Then the headers of a 304 are set. */
function isCached(req: Request, res: Response, { sha256, cacheControl }: ServedFile): boolean {
  // fetch() adds Cache-Control: no-cache to every request with If-None-Match. The file of a name never changes.
  delete req.headers['cache-control'];
  res.set('ETag', `"${sha256}"`);
  if (req.fresh) {
    res.set('Cache-Control', cacheControl);
    return true;
  }
  res.removeHeader('ETag');
  return false;
}

/** Returns the range of a request for one range; undefined: the whole file. */
function requestedRange(req: Request, { sha256, bytes }: ServedFile): ByteRange | undefined {
  const ifRange = req.get('if-range');
  if (ifRange !== undefined && ifRange !== `"${sha256}"`) return undefined;
  const ranges = req.range(bytes);
  if (ranges === -1) {
    const headers = { 'Content-Range': `bytes */${bytes}` };
    throw new Problem('range-not-satisfiable', `The file has ${bytes} bytes.`, { headers });
  }
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes') return undefined;
  const [range, second] = ranges;
  return range === undefined || second !== undefined ? undefined : { start: range.start, end: range.end + 1 };
}

type Sent = {
  file: ServedFile;
  range: ByteRange | undefined;
  stream: NonNullable<Awaited<ReturnType<MediaStore['open']>>>['stream'];
};

async function send(req: Request, res: Response, { file, range, stream }: Sent): Promise<void> {
  const { start, end } = range ?? { start: 0, end: file.bytes };
  res.status(range ? 206 : 200).set({ ...headersOf(file), 'Content-Length': `${end - start}` });
  if (range) res.set('Content-Range', `bytes ${start}-${end - 1}/${file.bytes}`);
  try {
    await pipeline(stream, res);
  } catch (error) {
    // The response is cut: its length shows that. Browsers often end the request for a video early.
    const byClient = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!byClient) req.log.warn({ err: error, sha256: file.sha256 }, 'stored file not sent completely');
  }
}

function fail(cause: unknown): never {
  throw unavailable('The stored files are not available now.', cause);
}

function unavailable(detail: string, cause?: unknown): Problem {
  return new Problem('media-unavailable', detail, { headers: { 'Retry-After': '5' }, cause });
}

function lost(req: Request, { of, sha256 }: ServedFile): Problem {
  req.log.warn({ of, sha256 }, 'stored file missing: the check for orphans lets the worker make it again');
  const extra = { status_now: 'pending', reason: 'file_lost' };
  return new Problem(`${of}-not-available`, 'The stored file is missing. It is made again within an hour.', { extra });
}
