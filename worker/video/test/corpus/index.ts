// `npm run corpus` makes the videos on which the probe is compared with ffprobe, in data/corpus (ignored by git).
import { findOrInstallProgram } from '#test/harness/system-packages.ts';
import { corpusFolder, makeCorpus } from './make.ts';

const print = (line: string) => void process.stderr.write(`${line}\n`);
const machine = { searchPath: process.env.PATH ?? '', mayInstall: process.getuid?.() === 0, print };
const ffmpeg = await findOrInstallProgram({ commands: ['ffmpeg'], aptPackage: 'ffmpeg' }, machine);
if ('missing' in ffmpeg) {
  print(`${ffmpeg.missing}.`);
  process.exit(1);
}
const { files, bytes, skipped } = await makeCorpus({
  ffmpeg: ffmpeg.path,
  folder: corpusFolder,
  timeoutMs: 600_000,
  print,
});
print(`${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, in ${corpusFolder}`);
if (skipped.length > 0) print(`skipped, because this ffmpeg lacks the encoder: ${skipped.join(', ')}`);
