import { AwsV4Signer } from 'aws4fetch';
import type { S3Credentials } from './s3.ts';

export type S3SignerOptions = {
  region: string;
  /** Undefined: requests are not signed. */
  credentials: S3Credentials | undefined;
  /** Reads the credentials again, after they have expired. Throws if it cannot. */
  readCredentials: () => S3Credentials | undefined;
  /** The local clock. */
  now?: () => number;
};

/** `sha256`: of the body, in hexadecimal. */
export type S3Request = { method: string; sha256?: string | undefined };

export type S3Signer = {
  /** Returns names and values of the headers that sign a request with these headers: by default a GET without a body. */
  sign(url: URL, headers: Record<string, string>, request?: S3Request): Promise<string[]>;
  /** Uses the server's time from now on: the header Date of its response. Returns false if that is invalid. */
  setClock(date: string | undefined): boolean;
  /** Reads the credentials again. Returns false if they are the same, or cannot be read. */
  renewCredentials(): boolean;
};

/** SHA-256 of an empty body. */
const EMPTY_BODY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Signs with AWS Signature Version 4, which Google Cloud Storage and S3-compatible servers accept, too. */
export function createS3Signer(options: S3SignerOptions): S3Signer {
  const { region, readCredentials, now = Date.now } = options;
  let { credentials } = options;
  let offsetMs = 0;
  // Keys derived from the secret: one per day.
  let derived = new Map<string, ArrayBuffer>();
  return {
    async sign(url, headers, { method, sha256 = EMPTY_BODY } = { method: 'GET' }) {
      if (!credentials) return Object.entries(headers).flat();
      const datetime = new Date(now() + offsetMs).toISOString().replace(/[:-]|\.\d{3}/g, '');
      if (derived.size > 2) derived = new Map();
      const signer = new AwsV4Signer({
        ...{ ...credentials, sessionToken: credentials.sessionToken as string, region, datetime, cache: derived },
        ...{ method, url: url.href, service: 's3', allHeaders: true },
        headers: { ...headers, 'X-Amz-Content-Sha256': sha256 },
      });
      const signed = await signer.sign();
      return [...signed.headers].flat();
    },
    setClock(date) {
      const time = Date.parse(date ?? '');
      if (Number.isNaN(time)) return false;
      offsetMs = time - now();
      return true;
    },
    renewCredentials() {
      try {
        const renewed = readCredentials();
        // Undefined: the files are just being replaced. Without a signature the request would fail for good.
        if (!renewed || JSON.stringify(renewed) === JSON.stringify(credentials)) return false;
        credentials = renewed;
        derived = new Map();
        return true;
      } catch {
        return false;
      }
    },
  };
}

/**
 * Returns whether a request that S3 has refused can succeed if it is signed again: with the server's time, the header Date of
 * its response, or with other credentials. `code` is the element Code of the body.
 */
export function canSignAgain(signer: S3Signer, code: string | undefined, date: string | undefined): boolean {
  if (code === 'RequestTimeTooSkewed') return signer.setClock(date);
  return (code === 'ExpiredToken' || code === 'TokenRefreshRequired') && signer.renewCredentials();
}

/** Returns the element Code of the body of an error of S3. */
export function s3ErrorCode(body: string): string | undefined {
  return /<Code>([A-Za-z]{1,64})<\/Code>/.exec(body)?.[1];
}
