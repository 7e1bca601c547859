import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { S3Source } from '#sources/s3.ts';
import { createS3Signer } from '#sources/s3-signer.ts';
import { folderOf, pathOf, sha256Of } from './names.ts';
import { createS3Requests, type S3Requests, type S3Response, unexpected } from './s3-requests.ts';
import type { ByteRange, MediaContent, MediaKind, MediaStore, StoredFile } from './types.ts';

const TYPES = { picture: 'image/webp', copy: 'video/mp4' } as const;
/** A page has at most 1,000 objects, of half a kilobyte each. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** 100 million objects. A server that never ends the list must not keep a worker busy. */
const MAX_PAGES = 100_000;

/** Returns the store in a bucket. `prefix` is added to that of the source. */
export function openS3Store(source: S3Source, options: { prefix: string; timeoutMs?: number }): MediaStore {
  const requests = createS3Requests(source, createS3Signer(source), options.timeoutMs);
  const prefix = `${source.prefix}${options.prefix}`;
  const keyOf = (kind: MediaKind, sha256: string) => prefix + pathOf(kind, sha256);
  return {
    put: async (kind, content, sha256) =>
      put(requests, { key: keyOf(kind, sha256), type: TYPES[kind], content, sha256 }),
    open: async (kind, sha256, range) => open(requests, keyOf(kind, sha256), range),
    size: async (kind, sha256) => size(requests, keyOf(kind, sha256)),
    remove: async (kind, sha256) => remove(requests, keyOf(kind, sha256)),
    list: (kind, begin) => list(requests, `${prefix}${folderOf(kind)}/${begin === undefined ? '' : `${begin}/`}`, kind),
    async check() {
      const key = `${prefix}unfinished/check`;
      await put(requests, { key, type: 'text/plain', content: Buffer.of(), sha256: undefined });
      await remove(requests, key);
    },
    close: requests.close,
  };
}

type Upload = { key: string; type: string; content: MediaContent; sha256: string | undefined };

/** S3 compares the body with the SHA-256, which is signed, before the object exists. */
async function put(requests: S3Requests, { key, type, content, sha256 }: Upload): Promise<void> {
  const length = 'path' in content ? (await stat(content.path)).size : content.length;
  const body = () => ('path' in content ? createReadStream(content.path) : Buffer.from(content));
  const headers = { 'Content-Type': type, 'Content-Length': `${length}` };
  const response = await requests.send('PUT', { key, headers, sha256, body });
  if (response.status !== 200) throw await unexpected(response);
  await response.discard();
}

async function open(requests: S3Requests, key: string, range: ByteRange | undefined) {
  if (range && range.end <= range.start) {
    const whole = await size(requests, key);
    return whole === undefined ? undefined : { stream: Readable.from([]), size: whole };
  }
  const headers = range ? { Range: `bytes=${range.start}-${range.end - 1}` } : {};
  const response = await requests.send('GET', { key, headers });
  if (response.status === 404) return missing(response);
  if (response.status !== (range ? 206 : 200)) throw await unexpected(response);
  const whole = range ? sizeInContentRange(response, range) : lengthOf(response);
  if (whole !== undefined) return { stream: response.body, size: whole };
  response.body.destroy();
  throw new Error('S3 sent another part of the file than the requested one');
}

function lengthOf({ headers }: S3Response): number | undefined {
  const text = headers['content-length'];
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Returns the size of the whole file; undefined if the response is not exactly the range, as far as the file has it. */
function sizeInContentRange(response: S3Response, { start, end }: ByteRange): number | undefined {
  const [, first, last, whole] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(`${response.headers['content-range']}`) ?? [];
  const sent = Number(last) + 1 - start;
  const exact = Number(first) === start && Number(last) === Math.min(end, Number(whole)) - 1;
  return exact && lengthOf(response) === sent ? Number(whole) : undefined;
}

/** NoSuchBucket is an error. HEAD has no body: its 404 is a missing object. */
async function missing(response: S3Response): Promise<undefined> {
  const code = await response.errorCode();
  if (code !== undefined && code !== 'NoSuchKey') throw await unexpected(response);
}

async function size(requests: S3Requests, key: string): Promise<number | undefined> {
  const response = await requests.send('HEAD', { key });
  if (response.status === 404) return missing(response);
  const bytes = lengthOf(response);
  if (response.status !== 200 || bytes === undefined) throw await unexpected(response);
  await response.discard();
  return bytes;
}

async function remove(requests: S3Requests, key: string): Promise<void> {
  const response = await requests.send('DELETE', { key });
  if (response.status === 404) return missing(response);
  if (response.status !== 204 && response.status !== 200) throw await unexpected(response);
  await response.discard();
}

async function* list(requests: S3Requests, prefix: string, kind: MediaKind): AsyncGenerator<StoredFile> {
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query: Record<string, string> = { 'list-type': '2', prefix };
    if (token !== undefined) query['continuation-token'] = token;
    const response = await requests.send('GET', { key: '', query });
    if (response.status !== 200) throw await unexpected(response);
    const xml = await response.text(MAX_PAGE_BYTES);
    for (const [, object = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
      const file = storedFile(object, kind);
      if (file) yield file;
    }
    token = element(xml, 'NextContinuationToken');
    if (element(xml, 'IsTruncated') !== 'true' || token === undefined) return;
  }
  throw new Error('the list of objects does not end');
}

function storedFile(object: string, kind: MediaKind): StoredFile | undefined {
  // Prefixes can contain any characters, which XML escapes; the end of the key has none of them.
  const path = (element(object, 'Key') ?? '').slice(-pathOf(kind, '0'.repeat(64)).length);
  const sha256 = sha256Of(kind, path);
  const bytes = Number(element(object, 'Size'));
  const modifiedAt = new Date(element(object, 'LastModified') ?? '');
  if (sha256 === undefined || Number.isNaN(bytes) || Number.isNaN(modifiedAt.getTime())) return undefined;
  return { sha256, bytes, modifiedAt };
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(amp|lt|gt|quot|apos);/g, (_, entity) => ENTITIES[entity] ?? '');
}
