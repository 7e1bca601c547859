import type { ParseArgsConfig } from 'node:util';
import type { Client } from '../client.ts';
import type { Output } from './output.ts';

export type OptionValues = Record<string, string | boolean | (string | boolean)[] | undefined>;

export type Context = {
  client: Client;
  values: OptionValues;
  positionals: string[];
  output: Output;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
};

export type Command = {
  /** The arguments after the command's name, as in `VIDEO --store STORE`. */
  usage: string;
  summary: string;
  options: NonNullable<ParseArgsConfig['options']>;
  /** Name and explanation of each option. */
  help: [option: string, text: string][];
  examples: string[];
  /** Returns the exit code. */
  run(context: Context): Promise<number>;
};

export const EXIT = {
  ok: 0,
  /** The command worked; an alert that it waited for has failed. */
  failedAlert: 1,
  usage: 2,
  /** The API rejected the request: another one is necessary. */
  rejected: 3,
  /** No connection, or the API was unavailable or limited the rate until the time limit. */
  unavailable: 4,
  /** The alert was not final within the time limit. */
  timeLimit: 5,
  interrupted: 130,
} as const;

/** Wrong arguments: the command prints the message and how to get help. */
export class UsageError extends Error {}

/** Returns the text of an option, or undefined. */
export function text(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Returns the texts of an option that may be repeated. */
export function texts(values: OptionValues, name: string): string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** Returns the number of an option. Throws a UsageError for other text. */
export function number(values: OptionValues, name: string): number | undefined {
  const given = text(values, name);
  if (given === undefined) return undefined;
  const parsed = Number(given);
  if (given.trim() === '' || !Number.isFinite(parsed) || parsed < 0) {
    throw new UsageError(`--${name} takes a number, not ${given}`);
  }
  return parsed;
}

/** Returns one value of a list. Throws a UsageError for other text. */
export function oneOf<T extends string>(values: OptionValues, name: string, allowed: readonly T[]): T | undefined {
  const given = text(values, name);
  if (given === undefined) return undefined;
  const found = allowed.find((each) => each === given);
  if (found === undefined) throw new UsageError(`--${name} takes ${allowed.join(', ')}, not ${given}`);
  return found;
}
