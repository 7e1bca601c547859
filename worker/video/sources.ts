import type { Source, Sources } from '#sources/file.ts';
import { DEFAULT_SOURCE } from '#sources/schema.ts';
import { RedirectRefused, VideoServerUnreachable } from '../errors.ts';
import { createVideoReader, type VideoReader } from './http/range-reader.ts';
import type { Meter, OpenVideo } from './types.ts';

/** The columns that decide where the video is. */
export type VideoLocation = { video: string; store: string; source: string | null };

export type OpenOptions = { signal: AbortSignal; meter?: Meter };

export type VideoSources = {
  /** Returns the name of the source that has the video: of the alert, else of its store, else `default`. */
  nameOf(location: VideoLocation): string;
  /** Opens the video on its source. Throws a VideoError or the signal's reason. */
  open(location: VideoLocation, options: OpenOptions): Promise<OpenVideo>;
  /** Replaces the sources. Attempts in progress keep theirs; sources that are the same keep their connections. */
  replace(sources: Sources): void;
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

type Opened = { settings: string; base: string; reader: VideoReader };

/** Opens one reader with connections of its own for each source. It connects when the source has its first video. */
export function createVideoSources({ videoServer, sources, limits, attemptMs }: Options): VideoSources {
  const byDefault = openSource({ url: new URL(videoServer).origin, headers: {}, tls: {} }, limits);
  let opened = new Map<string, Opened>();
  let ofStore: Sources['ofStore'] = () => undefined;
  const retired = new Set<Opened>();
  const retire = (source: Opened) => {
    retired.add(source);
    const close = () => retired.delete(source) && source.reader.close();
    setTimeout(close, attemptMs).unref();
  };
  const nameOf = ({ source, store }: VideoLocation) => source ?? ofStore(store) ?? DEFAULT_SOURCE;
  const replace = (changed: Sources) => {
    const before = opened;
    opened = new Map([...changed.byName].map(([name, source]) => [name, reopen(before.get(name), source, limits)]));
    ofStore = changed.ofStore;
    const kept = new Set(opened.values());
    for (const source of before.values()) if (!kept.has(source)) retire(source);
  };
  if (sources) replace(sources);
  return {
    nameOf,
    async open(location, options) {
      const name = nameOf(location);
      const source = name === DEFAULT_SOURCE ? byDefault : opened.get(name);
      // Not final: the file of this worker can be older than that of the api, or newer.
      if (!source) throw new VideoServerUnreachable(`the video source ${name} is not configured on this worker`);
      return source.reader.open(videoUrl(location.video, source.base), options);
    },
    replace,
    close() {
      for (const { reader } of [byDefault, ...opened.values(), ...retired]) reader.close();
    },
  };
}

function reopen(before: Opened | undefined, source: Source, limits: Options['limits']): Opened {
  return before?.settings === JSON.stringify(source) ? before : openSource(source, limits);
}

type Connection = Pick<Source, 'url' | 'headers' | 'tls'> & Partial<Pick<Source, 'authorization'>>;

function openSource(source: Connection, limits: Options['limits']): Opened {
  const { url, headers, authorization, tls } = source;
  const sent = Object.entries({ ...headers, ...(authorization !== undefined && { Authorization: authorization }) });
  const reader = createVideoReader({ origin: new URL(url).origin, headers: sent.flat(), tls, ...limits });
  return { settings: JSON.stringify(source), base: url, reader };
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
