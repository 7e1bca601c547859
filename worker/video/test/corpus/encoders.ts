/** One file of the corpus: made by ffmpeg, or altered from another one. */
export type Case = { name: string; encoder?: string } & (
  | { args: string[] }
  /** `from`: the name of the case that is altered; `other`: of one from which parts are taken. */
  | { from: string; alter: (bytes: Buffer, other: Buffer) => Buffer | Promise<Buffer>; other?: string }
);

/** Input of ffmpeg: moving test pictures. */
export const picture = (size: string, seconds = 1) => [
  '-f',
  'lavfi',
  '-i',
  `testsrc2=size=${size}:rate=5:duration=${seconds}`,
];
export const black = (size: string) => ['-f', 'lavfi', '-i', `color=black:size=${size}:rate=1:duration=1`];
export const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=8000:duration=1'];
const yuv = ['-pix_fmt', 'yuv420p'];

const encoders: Record<string, string[]> = {
  h264: ['-c:v', 'libx264', '-preset', 'ultrafast', ...yuv],
  hevc: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:pools=none', ...yuv],
  av1: ['-c:v', 'libaom-av1', '-cpu-used', '8', '-crf', '50', '-b:v', '0', '-strict', '-2', ...yuv],
  vp8: ['-c:v', 'libvpx', '-b:v', '60k', ...yuv],
  vp9: ['-c:v', 'libvpx-vp9', '-b:v', '60k', '-cpu-used', '8', ...yuv],
  mpeg4: ['-c:v', 'mpeg4', '-q:v', '20', ...yuv],
  mjpeg: ['-c:v', 'mjpeg', '-q:v', '20', '-pix_fmt', 'yuvj420p'],
  prores: ['-c:v', 'prores_ks', '-profile:v', '0'],
  ffv1: ['-c:v', 'ffv1', ...yuv],
  raw: ['-c:v', 'rawvideo', '-pix_fmt', 'yuv420p'],
  huffyuv: ['-c:v', 'huffyuv', '-pix_fmt', 'yuv422p'],
  msmpeg4v2: ['-c:v', 'msmpeg4v2', '-q:v', '20', ...yuv],
  msmpeg4v3: ['-c:v', 'msmpeg4', '-q:v', '20', ...yuv],
  mpeg2: ['-c:v', 'mpeg2video', '-q:v', '20', '-r', '25', ...yuv],
};

/** Returns the case that ffmpeg makes from this input with the encoder of a codec. */
export function encoded(codec: string, name: string, input: string[], ...more: string[]): Case {
  const encode = encoders[codec] ?? [];
  return { name, encoder: encode[1] ?? codec, args: [...input, ...encode, ...more] };
}
