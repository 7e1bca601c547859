/** What reading a video has cost so far; handed in by the caller, so that it is known after a failure too. */
export type Meter = {
  /** Body bytes that came over the wire, those of failed requests included. */
  bytesFetched: number;
  /** Requests sent, redirects included. */
  requests: number;
};

/** A video on the video server, read piece by piece. Knows neither formats nor the queue. */
export type OpenVideo = {
  readonly url: URL;
  /** Whole file, in bytes. */
  readonly size: number;
  /** See Meter. */
  readonly bytesFetched: number;
  /** See Meter. */
  readonly requests: number;
  /** Bytes [start, end), cut at the end of the file. Throws a VideoError. */
  read(start: number, end: number): Promise<Uint8Array>;
};

/** What a probe found. Width and height are as shown: rotation and cropping applied, sample aspect ratio not. */
export type VideoFacts = {
  /** `${width}x${height}`, pixels. */
  resolution: string;
  width: number;
  height: number;
  /** Degrees clockwise by which the coded picture is turned for display. */
  rotation: 0 | 90 | 180 | 270;
  /** ffprobe's name for it: h264, hevc, vp9, mpeg4, … */
  codec: string;
  container: 'mp4' | 'mov' | 'mkv' | 'webm' | 'avi';
  /** Seconds; null where the header does not say. */
  duration: number | null;
};
