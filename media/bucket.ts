import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { S3Source } from '#sources/s3.ts';
import { createS3Signer } from '#sources/s3-signer.ts';
import {
  type ByteRange,
  type Content,
  ObjectExists,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
} from './objects.ts';
import { createS3Requests, type S3Requests, type S3Response, unexpected } from './s3-requests.ts';

/** A page has at most 1,000 objects, of half a kilobyte each. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** 100 million objects. A server that never ends the list must not keep a worker busy. */
const MAX_PAGES = 100_000;

/** Returns the store in a bucket. `prefix` is added to that of the source. */
export function openBucket(source: S3Source, options: { prefix: string; timeoutMs?: number | undefined }): ObjectStore {
  const requests = createS3Requests(source, createS3Signer(source), options.timeoutMs);
  const prefix = `${source.prefix}${options.prefix}`;
  return {
    put: async (path, content, each) => put(requests, prefix + path, { content, options: each }),
    open: async (path, range) => open(requests, prefix + path, range),
    size: async (path) => size(requests, prefix + path),
    remove: async (path) => remove(requests, prefix + path),
    list: (path) => list(requests, prefix, path),
    async check() {
      const key = `${prefix}unfinished/check`;
      await put(requests, key, { content: Buffer.of(), options: { type: 'text/plain', existing: 'replace' } });
      await remove(requests, key);
    },
    close: requests.close,
  };
}

/** S3 compares the body with the SHA-256, which is signed, before the object exists. */
async function put(requests: S3Requests, key: string, file: { content: Content; options: PutOptions }): Promise<void> {
  const { content, options } = file;
  const { type, existing } = options;
  const length = 'path' in content ? (await stat(content.path)).size : content.length;
  const body = () => ('path' in content ? createReadStream(content.path) : Buffer.from(content));
  const condition = existing === 'error' ? { 'If-None-Match': '*' } : {};
  const headers = { 'Content-Type': type, 'Content-Length': `${length}`, ...condition };
  const sha256 = options.sha256 ?? (await hashOf(content));
  const response = await requests.send('PUT', { key, headers, sha256, body });
  // 409: another conditional request for this key is in progress.
  if (existing === 'error' && (response.status === 412 || response.status === 409)) {
    throw new ObjectExists(key, await unexpected(response));
  }
  if (response.status !== 200) throw await unexpected(response);
  await response.discard();
}

async function hashOf(content: Content): Promise<string> {
  const hash = createHash('sha256');
  if (!('path' in content)) return hash.update(content).digest('hex');
  for await (const chunk of createReadStream(content.path)) hash.update(chunk);
  return hash.digest('hex');
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

/** `prefix`: of the store; `path`: below it. */
async function* list(requests: S3Requests, prefix: string, path: string): AsyncGenerator<StoredObject> {
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query: Record<string, string> = { 'list-type': '2', prefix: prefix + path };
    if (token !== undefined) query['continuation-token'] = token;
    const response = await requests.send('GET', { key: '', query });
    if (response.status !== 200) throw await unexpected(response);
    const xml = await response.text(MAX_PAGE_BYTES);
    for (const [, element = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
      const object = storedObject(element, prefix);
      if (object) yield object;
    }
    token = textOf(xml, 'NextContinuationToken');
    if (textOf(xml, 'IsTruncated') !== 'true' || token === undefined) return;
  }
  throw new Error('the list of objects does not end');
}

function storedObject(xml: string, prefix: string): StoredObject | undefined {
  const key = textOf(xml, 'Key');
  const bytes = Number(textOf(xml, 'Size'));
  const modifiedAt = new Date(textOf(xml, 'LastModified') ?? '');
  if (!key?.startsWith(prefix) || Number.isNaN(bytes) || Number.isNaN(modifiedAt.getTime())) return undefined;
  return { path: key.slice(prefix.length), bytes, modifiedAt };
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Returns the text of the first element with this name. */
function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (_, decimal, hexadecimal, entity) =>
      entity === undefined ? characterOf(decimal, hexadecimal) : (ENTITIES[entity] ?? ''),
  );
}

function characterOf(decimal: string | undefined, hexadecimal: string | undefined): string {
  const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
  return code <= 0x10ffff ? String.fromCodePoint(code) : '';
}
