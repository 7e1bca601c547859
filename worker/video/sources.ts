import { type Source, type Sources, sourceOf } from '#sources/file.ts';
import type { S3Source } from '#sources/s3.ts';
import { DEFAULT_SOURCE } from '#sources/schema.ts';
import { RedirectRefused, VideoServerUnreachable } from '../errors.ts';
import type { DownloadOptions } from './http/download.ts';
import { createVideoReader, type VideoReader } from './http/range-reader.ts';
import type { Meter, OpenVideo } from './types.ts';

/** The columns that decide where the video is. */
export type VideoLocation = { video: string; store: string; source: string | null };

export type OpenOptions = { signal: AbortSignal; meter?: Meter };

export type VideoSources = {
  /** Returns the name of the source that has the video: of the alert, else of its store, else `default`. */
  nameOf(location: Omit<VideoLocation, 'video'>): string;
  /** Returns the names of all sources, `default` first. */
  names(): string[];
  /** Opens the video on its source. Throws a VideoError or the signal's reason. */
  open(location: VideoLocation, options: OpenOptions): Promise<OpenVideo>;
  /** Downloads the whole video and returns its size; see http/download.ts. */
  download(location: VideoLocation, options: DownloadOptions): Promise<number>;
  /**
   * Replaces the sources. Attempts in progress keep theirs; sources that are the same keep their connections. Returns the
   * names that now are of another source, or of none.
   */
  replace(sources: Sources): string[];
  /** Closes all connections, including those in use. */
  close(): void;
};

type Options = {
  /** VIDEO_SERVER. */
  videoServer: string;
  sources: Sources | undefined;
  /** Connections of each source, time limit and byte budget: the same for all. */
  limits: { connections: number; timeoutMs: number; byteBudget: number };
  /** Longest time that an attempt uses a source after it was replaced. */
  attemptMs: number;
};

type Opened = { settings: string; urlOf: (path: string) => URL; reader: VideoReader };

/** Opens one reader with connections of its own for each source. It connects when the source has its first video. */
export function createVideoSources({ videoServer, sources, limits, attemptMs }: Options): VideoSources {
  const byDefault = openSource(defaultSource(videoServer), limits);
  let opened = new Map<string, Opened>();
  let ofStore: Sources['ofStore'] = () => undefined;
  const retired = new Set<Opened>();
  const retire = (source: Opened) => {
    retired.add(source);
    const close = () => retired.delete(source) && source.reader.close();
    setTimeout(close, attemptMs).unref();
  };
  const nameOf = (location: Omit<VideoLocation, 'video'>) => sourceOf(location, { ofStore });
  const replace = (changed: Sources) => {
    const before = opened;
    opened = new Map([...changed.byName].map(([name, source]) => [name, reopen(before.get(name), source, limits)]));
    ofStore = changed.ofStore;
    const kept = new Set(opened.values());
    for (const source of before.values()) if (!kept.has(source)) retire(source);
    return [...new Set([...before.keys(), ...opened.keys()])].filter((name) => before.get(name) !== opened.get(name));
  };
  const openedOf = (location: VideoLocation) => {
    const name = nameOf(location);
    const source = name === DEFAULT_SOURCE ? byDefault : opened.get(name);
    // Not final: the file of this worker can be older than that of the api, or newer.
    if (!source) throw new VideoServerUnreachable('it is not configured on this worker');
    return source;
  };
  if (sources) replace(sources);
  return {
    nameOf,
    names: () => [DEFAULT_SOURCE, ...opened.keys()],
    async open(location, options) {
      const source = openedOf(location);
      return source.reader.open(source.urlOf(location.video), options);
    },
    async download(location, options) {
      const source = openedOf(location);
      return source.reader.download(source.urlOf(location.video), options);
    },
    replace,
    close() {
      for (const { reader } of [byDefault, ...opened.values(), ...retired]) reader.close();
    },
  };
}

function defaultSource(videoServer: string): Source {
  return { kind: 'http', url: new URL(videoServer).origin, headers: {}, authorization: undefined, tls: {} };
}

function reopen(before: Opened | undefined, source: Source, limits: Options['limits']): Opened {
  return before?.settings === JSON.stringify(source) ? before : openSource(source, limits);
}

function openSource(source: Source, limits: Options['limits']): Opened {
  const settings = JSON.stringify(source);
  const { origin } = new URL(source.url);
  if (source.kind === 's3') {
    const { region, bucket, credentials, readCredentials, tls } = source;
    const reader = createVideoReader({ origin, tls, s3: { region, bucket, credentials, readCredentials }, ...limits });
    return { settings, urlOf: (path) => objectUrl(path, source), reader };
  }
  const { url, headers, authorization, tls } = source;
  const sent = Object.entries({ ...headers, ...(authorization !== undefined && { Authorization: authorization }) });
  const reader = createVideoReader({ origin, headers: sent.flat(), tls, ...limits });
  return { settings, urlOf: (path) => videoUrl(path, url), reader };
}

/** The api validates the path, but a row can be older than that validation. */
export function videoUrl(path: string, base: string): URL {
  const { origin, pathname: prefix } = new URL(base);
  if (!URL.canParse(path, origin)) throw new RedirectRefused('the video path is not a valid URL');
  const url = new URL(path, origin);
  if (url.origin !== origin) throw new RedirectRefused('the video path leads to another server');
  // After dot segments were removed: none can lead out of the prefix.
  if (prefix !== '/') url.pathname = prefix + url.pathname;
  return url;
}

/**
 * Returns the URL of the object whose key is the prefix and the path of the video, without its percent-encodings. Each
 * character that S3 does not allow in a signed URL is encoded, `+` too.
 */
export function objectUrl(path: string, { url, prefix }: Pick<S3Source, 'url' | 'prefix'>): URL {
  const key = prefix + decodePath(videoUrl(path, new URL(url).origin).pathname.slice(1));
  const parts = key.split('/');
  // An encoded slash can hide dot segments, which would lead out of the prefix or the bucket.
  if (parts.some((part) => part === '.' || part === '..'))
    throw new RedirectRefused('the video path leads to another server');
  return new URL(`${url}/${parts.map(encodePart).join('/')}`);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new RedirectRefused('the video path is not a valid URL');
  }
}

function encodePart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
