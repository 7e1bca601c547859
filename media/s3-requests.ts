import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import type { S3Source } from '#sources/s3.ts';
import { canSignAgain, type S3Signer, s3ErrorCode } from '#sources/s3-signer.ts';

/** The body of an error is some hundred bytes of XML. */
const MAX_ERROR_BYTES = 4096;

type Request = {
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  /** Returns the body, once for each time that the request is sent. */
  body?: () => Buffer | Readable;
  /** Of the body. */
  sha256?: string | undefined;
};

export type S3Response = {
  status: number;
  method: string;
  headers: Dispatcher.ResponseData['headers'];
  body: Readable;
  /** Returns the body. Throws if it is longer. */
  text(maxBytes: number): Promise<string>;
  /** Returns the code in the body of an error. It can be called again. */
  errorCode(): Promise<string | undefined>;
  discard(): Promise<void>;
};

export type S3Requests = {
  /** Sends a signed request. If S3 refuses it because of the clock or of expired credentials, it is signed and sent once more. */
  send(method: 'GET' | 'HEAD' | 'PUT' | 'DELETE', request: Request): Promise<S3Response>;
  close(): void;
};

/** The bucket cannot be used now, or with this configuration. */
class MediaStoreError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'MediaStoreError';
  }
}

/**
 * Returns the requests for a bucket. No redirect is followed. `timeoutMs` is the longest time without progress: until a
 * connection is open, until the response starts, until its next bytes arrive.
 */
export function createS3Requests(source: S3Source, signer: S3Signer, timeoutMs = 15_000): S3Requests {
  const base = new URL(source.url);
  const pool = new Pool(base.origin, {
    connections: 16,
    connect: { timeout: timeoutMs, ...(source.tls.ca !== undefined && { ca: source.tls.ca }) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    // S3 closes idle connections after about 20 s. HTTP/1.1: a slow response does not delay others.
    keepAliveTimeout: 10_000,
    allowH2: false,
  });
  const sendOnce = async (method: 'GET' | 'HEAD' | 'PUT' | 'DELETE', request: Request) => {
    const { key, query = {}, headers = {}, body, sha256 } = request;
    // Without a key, it is a request for the bucket: not all servers accept a signed slash after its name.
    const url = new URL(`${source.url}${key === '' ? '' : `/${encodeKey(key)}`}${queryOf(query)}`);
    const signed = await signer.sign(url, headers, { method, sha256 });
    const path = url.pathname + url.search;
    try {
      const response = await pool.request({ method, path, headers: signed, body: body?.() ?? null });
      return responseOf(method, response);
    } catch (cause) {
      throw new MediaStoreError(`cannot reach ${base.host}: ${reasonOf(cause)}`, cause);
    }
  };
  return {
    async send(method, request) {
      const response = await sendOnce(method, request);
      if (response.status < 400 || response.status === 404) return response;
      const code = await response.errorCode();
      const date = response.headers.date;
      return canSignAgain(signer, code, typeof date === 'string' ? date : undefined)
        ? sendOnce(method, request)
        : response;
    },
    close: () => void pool.destroy().catch(() => {}),
  };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

function responseOf(method: string, { statusCode, headers, body }: Dispatcher.ResponseData): S3Response {
  let code: Promise<string | undefined> | undefined;
  // An error after the last reader would end the process.
  body.on('error', () => {});
  return {
    status: statusCode,
    ...{ method, headers, body },
    text: (maxBytes) => readText(body, maxBytes),
    errorCode() {
      code ??= readText(body, MAX_ERROR_BYTES).then(s3ErrorCode, () => undefined);
      return code;
    },
    discard: async () => void (await body.dump({ limit: MAX_ERROR_BYTES }).catch(() => {})),
  };
}

async function readText(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop destroys the body, which closes the connection.
    if (bytes > maxBytes) throw new MediaStoreError(`the response of S3 has more than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const ADVICE: Record<string, string> = {
  AccessDenied: 'the credentials need s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket',
  SignatureDoesNotMatch: 'the secret key does not belong to the access key',
  InvalidAccessKeyId: 'the access key does not exist',
  NoSuchBucket: 'the bucket does not exist',
  ExpiredToken: 'the credentials have expired',
  RequestTimeTooSkewed: "the clock differs from the server's",
};

/** Returns the error of a response with another status than the expected one. */
export async function unexpected(response: S3Response): Promise<MediaStoreError> {
  const code = await response.errorCode();
  const advice = code === undefined ? undefined : ADVICE[code];
  const details = [`S3 responded with status ${response.status} to ${response.method}`, code, advice];
  return new MediaStoreError(details.filter((detail) => detail !== undefined).join(': '));
}

/** Returns the path of a key as the signature requires it: only unreserved characters are not encoded. */
function encodeKey(key: string): string {
  return key.split('/').map(encode).join('/');
}

function queryOf(query: Record<string, string>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
