import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Attack } from '../attack.ts';
import { loadAttacks, runAttacks } from '../run.ts';
import { type RunningTarget, startNpmStart } from '../targets.ts';

// The attacks of `npm run test:security` on the stack of `npm start`. The program also attacks that of compose.

const ATTACK_TIMEOUT_MS = 300_000;
const attacks = await loadAttacks();
let target: RunningTarget;
beforeAll(async () => {
  target = await startNpmStart();
}, ATTACK_TIMEOUT_MS);
afterAll(() => target.stop(), ATTACK_TIMEOUT_MS);

it.each(attacks.map((attack): [number, string, Attack] => [attack.item, attack.name, attack]))(
  'defends against attack %i: %s',
  async (_item, _name, attack) => {
    const rows = await runAttacks(target, [attack]);
    for (const { result } of rows) expect(result, result.observed).toMatchObject({ defended: true });
  },
  ATTACK_TIMEOUT_MS,
);
