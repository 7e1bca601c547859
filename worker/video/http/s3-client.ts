import { canSignAgain, type S3Signer, s3ErrorCode } from '#sources/s3-signer.ts';
import { VideoError, VideoForbidden, VideoNotFound, VideoServerError } from '../../errors.ts';
import type { VideoClient } from './client.ts';
import { failureOfStatus, retryAfterMs } from './failures.ts';
import { headerOf } from './range-response.ts';
import type { RangeRequest, VideoResponse } from './response-handler.ts';

/** The body of an error is some hundred bytes of XML. */
const MAX_ERROR_BYTES = 4096;

/**
 * Returns a client that signs each request and explains the errors of S3. A request that is refused because of the clock or
 * of expired credentials is signed and sent once more.
 */
export function createS3Client(client: VideoClient, signer: S3Signer, bucket: string): VideoClient {
  const send = async (request: RangeRequest) => {
    const range = { Range: `bytes=${request.start}-${request.end - 1}` };
    return client.get({ ...request, headers: await signer.sign(request.url, range) });
  };
  const get = async (request: RangeRequest, mayRepeat: boolean): Promise<VideoResponse> => {
    const response = await send(request);
    // 416: the file is shorter than the range, or empty.
    if (response.statusCode < 300 || response.statusCode === 416) return response;
    const code = await readErrorCode(response, request.signal);
    const repeat = mayRepeat && canSignAgain(signer, code, headerOf(response, 'date'));
    if (repeat) return get(request, false);
    throw failureOfS3(response, code, bucket);
  };
  return { origin: client.origin, get: (request) => get(request, true), close: client.close };
}

/** Returns the content of the element Code; undefined if the body has none, or cannot be read. */
async function readErrorCode(response: VideoResponse, signal: AbortSignal): Promise<string | undefined> {
  try {
    const body = await response.read(MAX_ERROR_BYTES);
    return s3ErrorCode(body.toString('utf8'));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VideoError) return undefined;
    throw error;
  }
}

const NOT_FOUND: Record<string, (bucket: string) => string> = {
  NoSuchKey: (bucket) => `the bucket ${bucket} has no object with this key`,
  NoSuchBucket: (bucket) => `there is no bucket ${bucket}`,
};

const FORBIDDEN: Record<string, string> = {
  AccessDenied:
    'the credentials may not read this object; S3 also says so of a missing object if they may not list the bucket',
  InvalidAccessKeyId: 'the access key does not exist',
  SignatureDoesNotMatch: 'the secret key does not belong to the access key',
  InvalidObjectState: 'the object is archived; restore it, then retry',
  AuthorizationHeaderMalformed: 'the region of the source is not that of the bucket',
  PermanentRedirect: 'the region or endpoint of the source is not that of the bucket',
};

/** These can succeed later: an operator renews the credentials or sets the clock, or the load decreases. */
const RETRIED: Record<string, string> = {
  ExpiredToken: 'the credentials have expired',
  TokenRefreshRequired: 'the credentials have expired',
  RequestTimeTooSkewed: "the clock differs from the server's",
  SlowDown: 'the server requests fewer requests',
};

/** Returns the VideoError for a response without a video. */
function failureOfS3(response: VideoResponse, code: string | undefined, bucket: string): VideoError {
  const retryAfter = headerOf(response, 'retry-after');
  if (code === undefined) return failureOfStatus(response.statusCode, retryAfter);
  if (NOT_FOUND[code]) return new VideoNotFound(`${code}: ${NOT_FOUND[code](bucket)}`);
  if (FORBIDDEN[code] !== undefined) return new VideoForbidden(`${code}: ${FORBIDDEN[code]}`);
  if (RETRIED[code] !== undefined) {
    return new VideoServerError(`${code}: ${RETRIED[code]}`, { retryAfterMs: retryAfterMs(retryAfter) });
  }
  const failure = failureOfStatus(response.statusCode, retryAfter);
  failure.message += ` (${code})`;
  return failure;
}
