import * as alter from './alterations.ts';
import { black, type Case, encoded, picture, tone } from './encoders.ts';
import { remuxed } from './remux.ts';
import * as avi from './unusual-avi.ts';
import * as mkv from './unusual-matroska.ts';
import * as mp4 from './unusual-mp4.ts';

type Alter = Extract<Case, { from: string }>['alter'];

const altered = (name: string, from: string, change: Alter, other?: string): Case =>
  other === undefined ? { name, from, alter: change } : { name, from, alter: change, other };
const each = avi.all;

/** An hour of 25 frames per second has 90,000 samples; 40,000 take 320 kB, more than is read as a whole. */
const long = 40_000;

const longRecordings = [
  ...[
    'uncropped.mp4',
    'cropped-more.mp4',
    'wrong-size-hevc.mp4',
    'wrong-size-mpeg4.mp4',
    'wrong-size-mjpeg.mp4',
  ].flatMap((from) => [
    altered(`long-${from}`, from, mp4.withSamples(long)),
    altered(`long-user-data-${from}`, from, each(mp4.withUserData(500_000, 'moov'))),
  ]),
  ...['codec-h264.mp4', 'codec-h264.mov', 'codec-hevc.mp4', 'faststart-h264.mp4', 'faststart-vp9.mp4'].flatMap(
    (from) => [
      altered(`long-mirrored-${from}`, from, each(alter.mirrored, mp4.withSamples(long))),
      altered(`long-tilted-${from}`, from, each(alter.tilted, mp4.withSamples(long))),
      altered(`long-turned-${from}`, from, each(alter.rotatedBy(90), mp4.withSamples(long))),
    ],
  ),
  altered('long-two-streams.mp4', 'two-streams.mp4', each(alter.mirrored, mp4.withSamples(long))),
  altered('long-audio-first.mp4', 'audio-first.mp4', mp4.withUserData(400_000, 'moov')),
  altered('long-cover.mp4', 'cover.mp4', each(alter.mirrored, mp4.withSamples(long))),
  altered('long-raw-rgb.mov', 'codec-raw-rgb.mov', mp4.withSamples(long)),
  altered('long-mpeg2.mp4', 'codec-mpeg2.mp4', mp4.withSamples(long)),
  altered('user-data-in-track.mp4', 'uncropped.mp4', mp4.withUserData(2_000_000, 'moov', 'trak')),
  altered(
    'user-data-in-track-mirrored.mov',
    'codec-h264.mov',
    each(alter.mirrored, mp4.withUserData(2_000_000, 'moov', 'trak')),
  ),
  altered('user-data-first.mp4', 'faststart-h264.mp4', each(alter.tilted, mp4.withUserData(9_000_000, 'moov'))),
];

const wrongSizes = [
  altered('wrong-size-hevc.mp4', 'codec-hevc.mp4', mp4.withEntrySize('hev1', 704, 144)),
  altered('wrong-size-mpeg4.mp4', 'codec-mpeg4.mp4', mp4.withEntrySize('mp4v', 704, 144)),
  altered('wrong-size-mjpeg.mp4', 'codec-mjpeg.mp4', mp4.withEntrySize('mp4v', 704, 144)),
];

/** The table of chunks is the last box, with one entry. */
const lastTables = ['h264.mp4', 'vp9.mp4', 'mjpeg.mp4', 'mpeg4.mp4', 'h264.mov', 'mjpeg.mov', 'prores.mov'].map(
  (kind) => altered(`table-last-${kind}`, `codec-${kind}`, mp4.withoutUserData),
);

const manyBoxes = [
  ...[63, 64, 65, 200, 1000].map((count) => altered(`boxes-${count}.mp4`, 'codec-h264.mp4', mp4.withBoxes(count, 8))),
  ...[65, 300].flatMap((count) => [
    altered(`media-boxes-${count}.mp4`, 'codec-h264.mp4', mp4.withBoxes(count, 3000, 'mdat')),
    altered(`media-boxes-${count}-mjpeg.mp4`, 'codec-mjpeg.mp4', mp4.withBoxes(count, 3000, 'mdat')),
    altered(`media-boxes-${count}.mov`, 'codec-h264.mov', mp4.withBoxes(count, 3000, 'mdat')),
    altered(`media-boxes-${count}-uncropped.mp4`, 'uncropped.mp4', mp4.withBoxes(count, 3000, 'mdat')),
    altered(`media-boxes-${count}-mirrored.mp4`, 'mirrored.mp4', mp4.withBoxes(count, 3000, 'mdat')),
    altered(`boxes-first-${count}.mp4`, 'faststart-h264.mp4', mp4.withBoxesFirst(count, 1000, 'uuid')),
    altered(`boxes-first-${count}-mjpeg.mp4`, 'faststart-mjpeg.mp4', mp4.withBoxesFirst(count, 1000)),
  ]),
  altered('seconds-of-media.mp4', 'codec-h264.mp4', mp4.withBoxes(120, 40_000, 'mdat')),
  altered('seconds-of-media-first.mp4', 'faststart-h264.mp4', mp4.withBoxesFirst(120, 40_000, 'mdat')),
];

const fragments = ['+frag_keyframe+empty_moov', '+frag_keyframe+empty_moov+default_base_moof'].flatMap(
  (flags, index) => {
    const from = `in-fragments-${index}.mp4`;
    const inBand = ['-tag:v', 'avc3', '-bsf:v', 'dump_extra=freq=keyframe', '-movflags', flags];
    const plain = mp4.withoutParameterSets('avc3');
    return [
      encoded('h264', from, picture('176x144'), ...inBand),
      altered(`no-sets-${from}`, from, plain),
      altered(`no-sets-wrong-size-${from}`, from, each(plain, mp4.withEntrySize('avc3', 704, 144))),
      altered(`wrong-size-${from}`, from, mp4.withEntrySize('avc3', 704, 144)),
    ];
  },
);
/** Offsets relative to moof, so that the index may be inserted. */
const relative = 'in-fragments-1.mp4';
const indexed = [1000, 10_000, 60_000].flatMap((entries) => [
  altered(`index-${entries}.mp4`, relative, mp4.withIndex(entries)),
  altered(`no-sets-index-${entries}.mp4`, `no-sets-${relative}`, mp4.withIndex(entries)),
  altered(`no-sets-wrong-size-index-${entries}.mp4`, `no-sets-wrong-size-${relative}`, mp4.withIndex(entries)),
]);

const contradicting = [
  encoded('h264', 'in-band.mp4', picture('176x144'), '-bsf:v', 'dump_extra=freq=keyframe'),
  encoded('h264', 'in-band-avc3.mp4', picture('176x144'), '-tag:v', 'avc3', '-bsf:v', 'dump_extra=freq=keyframe'),
  encoded('h264', 'in-band.mkv', picture('176x144'), '-bsf:v', 'dump_extra=freq=keyframe'),
  encoded(
    'h264',
    'in-band-faststart.mp4',
    picture('176x144'),
    '-bsf:v',
    'dump_extra=freq=keyframe',
    '-movflags',
    '+faststart',
  ),
  encoded('h264', 'other-size.mp4', picture('320x240')),
  encoded('h264', 'other-size-avc3.mp4', picture('320x240'), '-tag:v', 'avc3'),
  encoded('h264', 'other-size.mkv', picture('320x240')),
  altered('contradicted.mp4', 'in-band.mp4', mp4.withConfigOf('avc1', 'avcC'), 'other-size.mp4'),
  altered('contradicted-avc3.mp4', 'in-band-avc3.mp4', mp4.withConfigOf('avc3', 'avcC'), 'other-size-avc3.mp4'),
  altered('contradicted-faststart.mp4', 'in-band-faststart.mp4', mp4.withConfigOf('avc1', 'avcC'), 'other-size.mp4'),
  altered('contradicted.mkv', 'in-band.mkv', mkv.withPrivateOf(), 'other-size.mkv'),
];

const matroska = [
  ...[0, 1, 2].flatMap((type) =>
    [0, 90, -90, 180].map((roll) =>
      altered(`projection-${type}-roll-${roll}.mkv`, 'codec-h264.mkv', mkv.withProjection(type, roll)),
    ),
  ),
  ...['codec-h264.mkv', 'codec-vp9.webm', 'codec-mpeg4.mkv', 'codec-mjpeg.mkv', 'uncropped.mkv'].flatMap((from) => [
    altered(`tracks-last-${from}`, from, mkv.withTracksLast(false)),
    altered(`header-last-${from}`, from, mkv.withTracksLast(true)),
    altered(`far-tracks-${from}`, from, mkv.withTracksLast(true, 1_500_000)),
    altered(`long-tracks-${from}`, from, mkv.withSubtitles(300_000, 'before')),
    altered(`long-tracks-after-${from}`, from, mkv.withSubtitles(60_000, 'after', 10)),
    altered(`sound-first-${from}`, from, mkv.withSoundFirst(100, 200, 5)),
  ]),
  altered('sound-first-late-frame-wrong-size.mkv', 'late-frame-wrong-size.mkv', mkv.withSoundFirst(500, 100, 1)),
  altered('much-sound-first.webm', 'codec-vp8.webm', mkv.withSoundFirst(2000, 300, 2)),
];

const sound = [...picture('176x144'), ...tone];
const aviFiles = [
  encoded('h264', 'with-sound.avi', sound, '-c:a', 'pcm_s16le'),
  encoded('mpeg4', 'with-sound-mpeg4.avi', sound, '-c:a', 'pcm_s16le'),
  encoded('mjpeg', 'with-sound-mjpeg.avi', sound, '-c:a', 'pcm_s16le'),
  encoded('mpeg2', 'with-sound-mpeg2.avi', sound, '-c:a', 'pcm_s16le'),
  ...['with-sound.avi', 'with-sound-mpeg4.avi', 'with-sound-mjpeg.avi', 'with-sound-mpeg2.avi'].flatMap((from) => [
    altered(`sound-70-${from}`, from, avi.withSoundFirst(70, 400)),
    altered(`sound-500-${from}`, from, avi.withSoundFirst(500, 101)),
    altered(`sound-70-wrong-size-${from}`, from, each(avi.withHeaderSize(704, 144), avi.withSoundFirst(70, 400))),
    altered(`sound-2000-wrong-size-${from}`, from, each(avi.withHeaderSize(704, 144), avi.withSoundFirst(2000, 300))),
  ]),
  altered(
    'sound-in-large-chunks.avi',
    'with-sound.avi',
    each(avi.withHeaderSize(704, 144), avi.withSoundFirst(100, 16_000)),
  ),
];

/** Other muxers and options of ffmpeg. */
const muxers = [
  encoded('h264', 'phone.mp4', picture('176x144'), '-f', '3gp'),
  encoded('mpeg4', 'phone-mpeg4.mp4', picture('176x144'), '-f', '3g2'),
  encoded('h264', 'ipod.mp4', picture('320x240'), '-f', 'ipod'),
  encoded('h264', 'smooth.mp4', picture('176x144'), '-f', 'ismv'),
  encoded('h264', 'flash.mp4', picture('176x144'), '-f', 'f4v'),
  encoded('h264', 'negative-offsets.mp4', picture('176x144'), '-movflags', '+negative_cts_offsets'),
  encoded('h264', 'hybrid-tags.mov', picture('176x144'), '-movflags', '+use_metadata_tags', '-metadata', 'camera=7'),
  encoded('h264', 'time-code.mov', picture('176x144'), '-timecode', '01:00:00:00'),
  encoded('h264', 'small-clusters.mkv', picture('176x144', 4), '-cluster_size_limit', '2000'),
  encoded('vp9', 'short-clusters.webm', picture('176x144', 4), '-cluster_time_limit', '200'),
  encoded('h264', 'checksums.mkv', picture('176x144'), '-write_crc32', '1'),
  encoded('vp8', 'no-checksums.webm', picture('176x144'), '-write_crc32', '0'),
  encoded('h264', 'open-dml.avi', picture('176x144'), '-reserve_index_space', '100000'),
  encoded('h264', 'uncropped.mov', black('1920x1080'), '-bsf:v', 'h264_metadata=crop_bottom=0', '-f', 'mov'),
];

/** Files of mediabunny's muxers. */
const otherMuxers = [
  ...(['mp4', 'mp4-faststart', 'mp4-fragmented', 'mov', 'mkv', 'mkv-live'] as const).flatMap((format) =>
    ['h264', 'hevc', 'vp9', 'av1'].map((codec) =>
      altered(
        `other-${format}-${codec}.${format.slice(0, 3)}`,
        `codec-${codec}.${codec === 'hevc' || codec === 'h264' ? 'mp4' : 'mkv'}`,
        remuxed(format),
      ),
    ),
  ),
  ...(['webm', 'webm-live'] as const).flatMap((format) =>
    ['vp8', 'vp9'].map((codec) => altered(`other-${format}-${codec}.webm`, `codec-${codec}.webm`, remuxed(format))),
  ),
  ...([90, 180, 270] as const).flatMap((rotation) =>
    (['mp4', 'mov', 'mkv'] as const).map((format) =>
      altered(`other-turned-${rotation}.${format}`, 'codec-h264.mp4', remuxed(format, rotation)),
    ),
  ),
];

/** Files whose results differed from ffprobe's once, and variations of these. */
export const unusualCases: readonly Case[] = [
  ...wrongSizes,
  ...longRecordings,
  ...lastTables,
  ...manyBoxes,
  ...fragments,
  ...indexed,
  ...contradicting,
  ...matroska,
  ...aviFiles,
  ...muxers,
  ...otherMuxers,
];
