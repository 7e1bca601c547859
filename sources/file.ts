import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Document, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ConfigError } from '#config/parse.ts';
import { openSource, type Source } from './open.ts';
import type { Environment } from './s3.ts';
import { DEFAULT_SOURCE, fileSchema } from './schema.ts';
import { storeMapping } from './stores.ts';

export type { Source } from './open.ts';

export type Sources = {
  byName: ReadonlyMap<string, Source>;
  /** Returns the name of the source that the file maps the store to. */
  ofStore(store: string): string | undefined;
};

/** Returns the sources of the file, with their credentials. Throws ConfigError. */
export function readSources(file: string, env: Environment = {}): Sources {
  const { settings, report } = readSettings(file);
  const errors: string[] = [];
  const byName = new Map<string, Source>();
  for (const [name, source] of Object.entries(settings.sources)) {
    const onError = (field: string, error: string) => void errors.push(report(['sources', name, field], error));
    byName.set(name, openSource(source, { env, folder: dirname(file), onError }));
  }
  if (errors.length > 0) throw invalid(errors);
  return { byName, ofStore: storeMapping(settings.stores) };
}

/** Returns one source, with its credentials only; undefined if the file does not have it. Throws ConfigError. */
export function readSource(file: string, name: string, env: Environment = {}): Source | undefined {
  const { settings, report } = readSettings(file);
  const source = Object.hasOwn(settings.sources, name) ? settings.sources[name] : undefined;
  if (source === undefined) return undefined;
  const errors: string[] = [];
  const onError = (field: string, error: string) => void errors.push(report(['sources', name, field], error));
  const opened = openSource(source, { env, folder: dirname(file), onError });
  if (errors.length > 0) throw invalid(errors);
  return opened;
}

export type SourceNames = Pick<Sources, 'ofStore'> & { names: string[] };

/** Returns the names of the sources. Reads no other file: the api needs no credentials for them. Throws ConfigError. */
export function readSourceNames(file: string): SourceNames {
  const { sources, stores } = readSettings(file).settings;
  return { names: Object.keys(sources), ofStore: storeMapping(stores) };
}

/** Returns the name of the source that has the video: of the alert, else of its store, else `default`. */
export function sourceOf(
  { source, store }: { source: string | null; store: string },
  { ofStore }: Pick<Sources, 'ofStore'>,
): string {
  return source ?? ofStore(store) ?? DEFAULT_SOURCE;
}

type Settings = z.output<typeof fileSchema>;
type Path = readonly PropertyKey[];

function readSettings(file: string): { settings: Settings; report: (path: Path, error: string) => string } {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  const syntaxErrors = document.errors.map(({ message }) => firstLine(message));
  if (syntaxErrors.length > 0) throw invalid(syntaxErrors);
  const report = (path: Path, error: string) =>
    `line ${lineOf(document, lines, path)}: ${path.length > 0 ? `${path.map(String).join('.')}: ` : ''}${error}`;
  const parsed = fileSchema.safeParse(document.toJS());
  if (parsed.success) return { settings: parsed.data, report };
  throw invalid(parsed.error.issues.flatMap((issue) => describe(issue, report)));
}

/** Reports all errors of the file, one line each, without secrets. */
function invalid(errors: string[]): ConfigError {
  return new ConfigError(errors.map((error) => `SOURCES_FILE: ${error}`));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw invalid([`cannot read ${file}`]);
  }
}

function describe(issue: z.core.$ZodIssue, report: (path: Path, error: string) => string): string[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => report([...issue.path, key], 'is unknown'));
  // The error of a key, such as an invalid name of a source.
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => report(issue.path, message));
  return [report(issue.path, issue.message)];
}

/** Returns the line of the value at the path, or of the nearest one around it. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      return lines.linePos(node.range[0]).line;
    }
  }
  return 1;
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.replace(/:$/, '') ?? '';
}
