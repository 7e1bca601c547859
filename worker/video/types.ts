/** What reading a video has cost so far. The caller passes it in, so that the cost of a failure is known too. */
export type Meter = {
  /** Body bytes received, including those of failed requests. */
  bytesFetched: number;
  /** Requests sent, including redirects. */
  requests: number;
};

/** A video on the video server, read in ranges. Knows neither formats nor the queue. */
export type OpenVideo = {
  readonly url: URL;
  /** Size of the whole file in bytes. */
  readonly size: number;
  /** See Meter. */
  readonly bytesFetched: number;
  /** See Meter. */
  readonly requests: number;
  /** Reads the bytes [start, end), cut at the end of the file. Throws a VideoError or the signal's reason. */
  read(start: number, end: number): Promise<Uint8Array>;
};

/** The containers that are always supported. */
export type Container = 'mp4' | 'mov' | 'mkv' | 'webm' | 'avi';
/** Formats that are supported with VIDEO_CONTENT=any: MPEG program and transport streams, Flash, Windows Media, raw H.264. */
export type StreamFormat = 'mpegps' | 'mpegts' | 'flv' | 'asf' | 'h264';

/** What a probe found. Width and height are as shown: rotation and cropping applied, sample aspect ratio not. */
export type VideoFacts = {
  /** `${width}x${height}` in pixels. */
  resolution: string;
  width: number;
  height: number;
  /** Degrees clockwise by which the coded picture is rotated for display. */
  rotation: 0 | 90 | 180 | 270;
  /** ffprobe's name of the codec: h264, hevc, vp9, mpeg4, … */
  codec: string;
  container: Container | StreamFormat;
  /** Seconds; null if the header has no duration. */
  duration: number | null;
};

/** How the facts were found: by a parser in this process, by ffprobe on parts of the file, or by ffprobe on all of it. */
export type ProbePath = 'in_process' | 'ffprobe' | 'full_file';

export type Probed = { facts: VideoFacts; path: ProbePath };

/** The size of a picture in pixels. */
export type Size = { width: number; height: number };

/** Where a codec states the size of its pictures; either part may be missing. */
export type CrossCheck = {
  /** The decoder configuration: the content of avcC, hvcC or av1C, an esds descriptor, or Matroska's CodecPrivate. */
  config?: Buffer | undefined;
  /** Reads the first frame or its beginning. Called if the configuration states no size, or if `inBand` is set. */
  frame: () => Promise<Buffer | undefined>;
  /** The same without any request; undefined if the frame is not among what was read so far. */
  fetchedFrame?: () => Promise<Buffer | undefined>;
  /** Whether frames may contain parameter sets that replace those of the configuration. */
  inBand?: boolean;
};

/** The part of a file that describes its video tracks, and access to what the codec itself states. */
export type HeaderView = {
  /** A valid file of a few kilobytes without any frames. */
  file: Buffer;
  /** False for a video track that only holds chapter images of another track. */
  isPicture(trackId: number): boolean;
  /** Throws VideoUnreadable if there is no such track. */
  crossCheck(trackId: number): CrossCheck;
};
