/** Where a video has its first key frame, and a file made of it. */
export type KeyFrame = {
  /** Offset in the video. */
  at: number;
  /** Bytes. */
  length: number;
  /** Returns a valid file with the description of the video track and this content as its only frame. */
  fileWith(content: Buffer): Buffer;
};
