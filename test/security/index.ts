import closeWithGrace from 'close-with-grace';
import { loadAttacks, type Row, renderTable, runAttacks } from './run.ts';
import { type RunningTarget, startCompose, startNpmStart } from './targets.ts';

// `npm run test:security`: replays the attacks of the security review against stacks of its own on 127.0.0.1, one of `npm
// start` and one of compose, and prints a table. Exit code 0 only if every attack was defended. Arguments: `npm-start` or
// `compose` for one of them, and words that the names of the attacks contain.

const STACKS = ['npm-start', 'compose'];
const args = process.argv.slice(2);
const stacks = args.some((arg) => STACKS.includes(arg)) ? args : STACKS;
const words = args.filter((arg) => !STACKS.includes(arg));

const rows: Row[] = [];
let running: { stop(): Promise<void> } | undefined;
let complete = false;

const { close } = closeWithGrace({ delay: 180_000, logger: false }, async ({ err }) => {
  if (err) process.stderr.write(`${err.stack}\n`);
  await running?.stop();
  process.exit(complete && rows.every(({ result }) => result.defended) ? 0 : 1);
});

const attacks = (await loadAttacks()).filter(({ name }) => words.every((word) => name.includes(word)));
if (stacks.includes('npm-start')) await attackTarget(await startNpmStart());
if (stacks.includes('compose')) {
  const compose = await startCompose((starting) => {
    running = starting;
  });
  if (compose) await attackTarget(compose);
  else process.stdout.write('compose: skipped, no Docker engine is available\n');
}
process.stdout.write(`\n${renderTable(rows)}\n`);
complete = true;
await close();

async function attackTarget(target: RunningTarget): Promise<void> {
  running = target;
  process.stdout.write(`Attacking the stack of ${target.name}: ${attacks.length} attacks\n`);
  const results = await runAttacks(target, attacks, ({ attack, result }) =>
    process.stdout.write(
      `${result.defended ? 'ok    ' : 'FAILED'} ${attack.item} ${attack.name}: ${result.observed}\n`,
    ),
  );
  rows.push(...results);
  running = undefined;
  await target.stop();
}
