import * as media from 'mediabunny';

const formats = {
  mp4: () => new media.Mp4OutputFormat({ fastStart: false }),
  'mp4-faststart': () => new media.Mp4OutputFormat({ fastStart: 'in-memory' }),
  'mp4-fragmented': () => new media.Mp4OutputFormat({ fastStart: 'fragmented' }),
  mov: () => new media.MovOutputFormat({ fastStart: false }),
  mkv: () => new media.MkvOutputFormat(),
  'mkv-live': () => new media.MkvOutputFormat({ appendOnly: true }),
  webm: () => new media.WebMOutputFormat(),
  'webm-live': () => new media.WebMOutputFormat({ appendOnly: true }),
};

/** Writes the first video track with mediabunny's muxer, rotated clockwise. */
export const remuxed =
  (format: keyof typeof formats, rotation: 0 | 90 | 180 | 270 = 0) =>
  async (bytes: Buffer): Promise<Buffer> => {
    const input = new media.Input({ formats: media.ALL_FORMATS, source: new media.BufferSource(bytes) });
    const track = await input.getPrimaryVideoTrack();
    const codec = await track?.getCodec();
    if (!track || !codec) throw new Error('the file has no video track');
    const target = new media.BufferTarget();
    const output = new media.Output({ format: formats[format](), target });
    const source = new media.EncodedVideoPacketSource(codec);
    output.addVideoTrack(source, { rotation });
    await output.start();
    const decoderConfig = (await track.getDecoderConfig()) ?? undefined;
    for await (const packet of new media.EncodedPacketSink(track).packets())
      await source.add(packet, { decoderConfig });
    await output.finalize();
    input.dispose();
    if (target.buffer === null) throw new Error('nothing was written');
    return Buffer.from(target.buffer);
  };
