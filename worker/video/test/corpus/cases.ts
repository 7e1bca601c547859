import * as alter from './alterations.ts';
import { black, type Case, encoded, picture, tone } from './encoders.ts';
import { unusualCases } from './unusual-cases.ts';

const byCodec: Record<string, string[]> = {
  h264: ['mp4', 'mov', 'mkv', 'avi'],
  hevc: ['mp4', 'mov', 'mkv'],
  av1: ['mp4', 'mkv', 'webm'],
  vp8: ['mkv', 'webm', 'avi'],
  vp9: ['mp4', 'mkv', 'webm', 'avi'],
  mpeg4: ['mp4', 'mov', 'mkv', 'avi'],
  mjpeg: ['mp4', 'mov', 'mkv', 'avi'],
  prores: ['mov', 'mkv'],
  ffv1: ['mkv', 'avi'],
  raw: ['avi', 'mkv'],
  huffyuv: ['mkv', 'avi'],
  msmpeg4v2: ['avi'],
  msmpeg4v3: ['avi', 'mkv'],
  mpeg2: ['mp4', 'mkv', 'avi'],
};
const eachCodec = Object.entries(byCodec).flatMap(([codec, endings]) =>
  endings.map((ending) => encoded(codec, `codec-${codec}.${ending}`, picture('176x144'))),
);

const mainFormats = [
  ['h264', 'mp4'],
  ['h264', 'mov'],
  ['h264', 'mkv'],
  ['h264', 'avi'],
  ['vp9', 'webm'],
] as const;

const moreCodecs = [
  encoded('raw', 'codec-raw.mov', picture('176x144'), '-pix_fmt', 'uyvy422'),
  encoded('raw', 'codec-raw-rgb.mov', picture('176x144'), '-pix_fmt', 'rgb24'),
];

const geometry = mainFormats.flatMap(([codec, ending]) => [
  encoded(codec, `tiny.${ending}`, picture('16x16')),
  encoded(codec, `cropped.${ending}`, picture('178x98')),
  encoded(codec, `coded-1088.${ending}`, black('1920x1080')),
  encoded(codec, `huge.${ending}`, black('7680x4320')),
  encoded(codec, `odd.${ending}`, picture('161x91'), '-pix_fmt', 'yuv444p'),
  encoded(codec, `wide-pixels.${ending}`, picture('320x240'), '-vf', 'setsar=4/3'),
  encoded(codec, `two-streams.${ending}`, [...picture('160x90'), ...picture('320x240')], '-map', '0', '-map', '1'),
  encoded(codec, `audio-first.${ending}`, [...tone, ...picture('160x90')], '-map', '0', '-map', '1'),
]);

const moreGeometry = [
  encoded('hevc', 'coded-1088-hevc.mp4', black('1920x1080')),
  encoded('hevc', 'cropped-hevc.mkv', picture('178x98')),
  encoded('mpeg4', 'odd-mpeg4.avi', picture('161x91')),
  encoded('mpeg4', 'odd-mpeg4.mp4', picture('161x91')),
  encoded('mjpeg', 'odd-mjpeg.avi', picture('161x91'), '-pix_fmt', 'yuvj444p'),
  encoded('mjpeg', 'huge-mjpeg.avi', black('7680x4320')),
  encoded('vp8', 'odd-vp8.webm', picture('161x91')),
  encoded('h264', 'interlaced.mp4', black('1920x1080'), '-flags', '+ildct+ilme'),
  encoded('h264', 'interlaced.avi', black('1920x1080'), '-flags', '+ildct+ilme'),
  encoded('h264', 'mono.mkv', picture('178x98'), '-pix_fmt', 'gray'),
  encoded('h264', 'chroma-422.mp4', picture('178x98'), '-pix_fmt', 'yuv422p'),
  // The codec states 1088 lines, the container 1080: some encoders leave cropping to the player.
  encoded('h264', 'uncropped.mp4', black('1920x1080'), '-bsf:v', 'h264_metadata=crop_bottom=0'),
  encoded('h264', 'uncropped.avi', black('1920x1080'), '-bsf:v', 'h264_metadata=crop_bottom=0'),
  encoded('h264', 'uncropped.mkv', black('1920x1080'), '-bsf:v', 'h264_metadata=crop_bottom=0'),
  encoded('h264', 'cropped-more.mp4', black('1920x1080'), '-bsf:v', 'h264_metadata=crop_right=640:crop_bottom=368'),
  encoded('h264', 'cropped-more.avi', black('1920x1080'), '-bsf:v', 'h264_metadata=crop_right=640:crop_bottom=368'),
  encoded('h264', 'cover.mp4', [...picture('320x180'), ...picture('64x64')], '-map', '0', '-map', '1', ...cover()),
];

function cover(): string[] {
  return ['-c:v:1', 'mjpeg', '-pix_fmt', 'yuvj420p', '-frames:v:1', '1', '-disposition:v:1', 'attached_pic'];
}

const rotated = ['h264.mp4', 'h264.mov', 'hevc.mp4', 'mpeg4.mov'].flatMap((kind) =>
  [0, 90, 180, 270].map(
    (degrees): Case => ({
      name: `rotated-${degrees}-${kind}`,
      from: `codec-${kind}`,
      alter: alter.rotatedBy(degrees),
    }),
  ),
);

const layouts: Case[] = [
  ...['h264', 'hevc', 'vp9', 'mpeg4', 'av1', 'mjpeg'].flatMap((codec) => [
    encoded(codec, `faststart-${codec}.mp4`, picture('176x144', 4), '-movflags', '+faststart'),
    encoded(codec, `fragmented-${codec}.mp4`, picture('176x144'), '-movflags', '+frag_keyframe+empty_moov'),
  ]),
  encoded('h264', 'dash.mp4', picture('176x144'), '-movflags', '+frag_keyframe+empty_moov+default_base_moof+dash'),
  encoded('h264', 'long-tables-first.mp4', picture('16x16', 4000), '-movflags', '+faststart'),
  encoded('h264', 'long-tables-last.mov', picture('16x16', 4000)),
  encoded('h264', 'live.mkv', picture('176x144'), '-live', '1'),
  encoded('vp9', 'live.webm', picture('176x144'), '-live', '1'),
  encoded('h264', 'index-first.mkv', picture('176x144'), '-reserve_index_space', '100000', '-cues_to_front', '1'),
  encoded('vp8', 'index-first.webm', picture('176x144'), '-reserve_index_space', '100000', '-cues_to_front', '1'),
  encoded('raw', 'bottom-up.avi', picture('64x48'), '-pix_fmt', 'bgr24'),
  encoded('raw', 'top-down.avi', picture('64x48'), '-pix_fmt', 'bgr24', '-flipped_raw_rgb', '1'),
  encoded('raw', 'palette.avi', picture('64x48'), '-pix_fmt', 'pal8'),
  encoded('mpeg4', 'xvid.avi', picture('176x144'), '-vtag', 'XVID'),
  encoded('mpeg4', 'dx50.avi', picture('176x144'), '-vtag', 'DX50'),
  encoded('hevc', 'hev1.mp4', picture('176x144'), '-tag:v', 'hev1'),
  encoded('h264', 'avc3.mp4', picture('176x144'), '-tag:v', 'avc3'),
  encoded('h264', 'large-frames.avi', ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=5:duration=1'], '-crf', '5'),
  encoded('mjpeg', 'large-frames.mov', ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=5:duration=1'], '-q:v', '2'),
  encoded(
    'vp9',
    'large-frames.webm',
    ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=5:duration=0.4'],
    '-b:v',
    '8M',
  ),
  ...(['mp4', 'mov', 'mkv', 'avi', 'webm'] as const).map(
    (ending): Case => ({
      name: `audio-only.${ending}`,
      args: [...tone, ...(ending === 'webm' ? ['-c:a', 'libvorbis'] : [])],
    }),
  ),
];

/** 35 kB of audio before the first video frame. */
const lateFrames = ['avi', 'mkv'].map((ending) =>
  encoded(
    'h264',
    `late-frame.${ending}`,
    ['-f', 'lavfi', '-i', 'sine=sample_rate=44100:duration=2', '-itsoffset', '0.4', ...picture('320x240')],
    ...['-map', '0', '-map', '1', '-c:a', 'pcm_s16le'],
  ),
);

const altered: Case[] = [
  {
    name: 'late-frame-wrong-size.avi',
    from: 'late-frame.avi',
    alter: alter.withContainerSize('40010000f0000000', 'c0020000f0000000'),
  },
  { name: 'far-frames.mp4', from: 'codec-mjpeg.mp4', alter: alter.withFarFrames },
  { name: 'far-frames-wrong-size.mp4', from: 'far-frames.mp4', alter: alter.withContainerSize('00b00090', '02c00090') },
  { name: 'late-frame-wrong-size.mkv', from: 'late-frame.mkv', alter: alter.withContainerSize('b0820140', 'b08202c0') },
  {
    name: 'absurd-size.avi',
    from: 'bottom-up.avi',
    alter: alter.withContainerSize('2800000040000000', '2800000040ffffff'),
  },
  { name: 'handler-last.mp4', from: 'two-streams.mp4', alter: alter.withHandlerLast },
  { name: 'no-track-header.mp4', from: 'two-streams.mp4', alter: alter.withoutTrackHeader },
  { name: 'uuid-first.mp4', from: 'codec-h264.mp4', alter: alter.withUuidFirst },
  { name: 'long-doctype.mkv', from: 'codec-h264.mkv', alter: alter.withLongDocType },
  { name: 'disabled-track.mkv', from: 'two-streams.mkv', alter: alter.withFirstEntryDisabled },
  { name: 'long-sizes.mp4', from: 'codec-h264.mp4', alter: alter.withLongSizes },
  { name: 'open-mdat.mp4', from: 'faststart-h264.mp4', alter: alter.withOpenMdat },
  { name: 'open-moov.mov', from: 'codec-mpeg4.mov', alter: alter.withOpenMoov },
  { name: 'large-moov-first.mp4', from: 'faststart-h264.mp4', alter: alter.withLargeMoov },
  { name: 'large-moov-first-mjpeg.mp4', from: 'faststart-mjpeg.mp4', alter: alter.withLargeMoov },
  { name: 'large-moov-last.mov', from: 'codec-h264.mov', alter: alter.withLargeMoov },
  { name: 'chapters-first.mp4', from: 'two-streams.mp4', alter: alter.withChaptersFirst },
  { name: 'disabled-track.mp4', from: 'two-streams.mp4', alter: alter.withFirstTrackDisabled },
  { name: 'tilted.mp4', from: 'codec-h264.mp4', alter: alter.tilted },
  { name: 'mirrored.mp4', from: 'codec-h264.mp4', alter: alter.mirrored },
  { name: 'no-brand.mov', from: 'codec-h264.mov', alter: alter.withoutBrand },
  { name: 'void.mkv', from: 'codec-h264.mkv', alter: alter.withVoid },
  { name: 'void.webm', from: 'codec-vp8.webm', alter: alter.withVoid },
  { name: 'void-mpeg4.mkv', from: 'codec-mpeg4.mkv', alter: alter.withVoid },
  { name: 'attachment-first.mkv', from: 'codec-h264.mkv', alter: alter.withAttachment },
  { name: 'attachment-first.webm', from: 'codec-vp9.webm', alter: alter.withAttachment },
  { name: 'junk-first.avi', from: 'codec-h264.avi', alter: alter.withJunkFirst },
  { name: 'junk-first-mpeg4.avi', from: 'codec-mpeg4.avi', alter: alter.withJunkFirst },
  { name: 'list-first.avi', from: 'codec-h264.avi', alter: alter.withListFirst },
  { name: 'empty-frames.avi', from: 'codec-h264.avi', alter: alter.withEmptyFrames },
  { name: 'record-list.avi', from: 'codec-mpeg4.avi', alter: alter.withRecordList },
  { name: 'interrupted-recording.avi', from: 'codec-mjpeg.avi', alter: alter.withoutLengths },
];

/** All files of the corpus; an altered file comes after its source. */
export const cases: readonly Case[] = [
  ...eachCodec,
  ...moreCodecs,
  ...geometry,
  ...moreGeometry,
  ...layouts,
  ...rotated,
  ...lateFrames,
  ...altered,
  ...unusualCases,
];
