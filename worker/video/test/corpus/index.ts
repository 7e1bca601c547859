// `npm run corpus`: makes the videos on which the probes are compared with ffprobe, in data/corpus (git-ignored).
import { corpusFolder, findFfmpeg, makeCorpus } from './make.ts';

const say = (line: string) => process.stderr.write(`${line}\n`);
const found = await findFfmpeg({
  searchPath: process.env.PATH ?? '',
  mayInstall: process.getuid?.() === 0,
  print: say,
});
if ('missing' in found) {
  say(`${found.missing}.`);
  process.exit(1);
}
const { files, bytes, left } = await makeCorpus({ ffmpeg: found.path, folder: corpusFolder, limitMs: 300_000, say });
say(`${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, in ${corpusFolder}`);
if (left.length > 0) say(`left out, this ffmpeg has no encoder for them: ${left.join(', ')}`);
