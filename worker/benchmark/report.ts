import type { Measured } from './bench.ts';
import type { Machine } from './machine.ts';

/** All of a run; `--json` prints it as it is. */
export type Report = {
  command: string;
  machine: Machine;
  runs: number;
  measured: Measured[];
};
