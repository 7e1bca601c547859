import { z } from 'zod';
import { type Cidr, isBlockedAddress } from '#destinations/address-rules.ts';
import { type DestinationKind, type Fields, KINDS, kindSchemas } from '#destinations/kinds.ts';
import { templateProblem } from '#destinations/template.ts';
import { validationProblem } from '../http/problem.ts';
import { destinationPatchSchema, newDestinationSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** The stored configuration that a PATCH changes. `secrets`: without the signing secret; undefined if they cannot be read. */
export type StoredConfig = { kind: DestinationKind; config: Fields; secrets: Fields | undefined };

/** Returns the body of POST /destinations with a valid configuration. Throws a Problem that names each invalid field. */
export function parseNewDestination(body: unknown, allowed: readonly Cidr[]) {
  const parsed = newDestinationSchema.safeParse(body);
  const { kind: givenKind, config: givenConfig } = Object(body) as Record<string, unknown>; // any JSON value
  const kind = KINDS.find((each) => each === givenKind);
  const checked = kind !== undefined && isObject(givenConfig) ? checkConfig(kind, givenConfig, allowed) : undefined;
  throwIfInvalid(parsed.error?.issues, checked?.issues);
  if (!parsed.data || !checked?.config) throw new Error('a valid destination has a configuration');
  return { ...parsed.data, config: checked.config };
}

/**
 * Returns the body of PATCH /destinations/:id. Its `config` is complete: secret fields that the body omits are the stored
 * ones. Throws a Problem that names each invalid field.
 */
export function parseDestinationPatch(body: unknown, stored: StoredConfig, allowed: readonly Cidr[]) {
  const parsed = destinationPatchSchema.safeParse(body);
  const given = Object(body).config;
  const checked = isObject(given) ? checkPatchedConfig(given, stored, allowed) : undefined;
  throwIfInvalid(parsed.error?.issues, checked?.issues);
  if (!parsed.data) throw new Error('a valid change has data');
  return { ...parsed.data, config: checked?.config };
}

function throwIfInvalid(...lists: (Issue[] | undefined)[]): void {
  const issues = lists.flatMap((list) => list ?? []);
  if (issues.length > 0) throw validationProblem(new z.ZodError(issues), 'destination');
}

function checkPatchedConfig(given: Fields, { kind, config, secrets = {} }: StoredConfig, allowed: readonly Cidr[]) {
  const merged = { ...secrets, ...given };
  const set = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
  const checked = checkConfig(kind, set, allowed);
  const isMoved = checked.config !== undefined && targetOf(kind, checked.config) !== targetOf(kind, config);
  // Otherwise a client that may not read a secret could have it sent to its own server.
  const kept = Object.keys(secrets).filter((name) => isMoved && !(name in given));
  const issues = kept.map((name) =>
    issue(name, 'secret_required', 'must be sent again, or null, because the receiver is another server'),
  );
  return { ...checked, issues: [...checked.issues, ...issues] };
}

/** Returns the server that gets the secret fields. Of other kinds, the URL itself is secret. */
function targetOf(kind: DestinationKind, config: Fields): string {
  if (kind === 'email') return `${config.security} ${config.host}:${config.port}`;
  if (kind === 'ntfy') return originOf(config.server ?? 'https://ntfy.sh');
  return kind === 'webhook' || kind === 'mqtt' ? originOf(config.url) : '';
}

function originOf(url: unknown): string {
  const { protocol, host } = new URL(String(url));
  return `${protocol}//${host}`;
}

type Checked = { config?: Fields; issues: Issue[] };

function checkConfig(kind: DestinationKind, given: Fields, allowed: readonly Cidr[]): Checked {
  const parsed = kindSchemas[kind].safeParse(given);
  if (!parsed.success) {
    return { issues: parsed.error.issues.map((each) => ({ ...each, path: ['config', ...each.path] })) };
  }
  const config: Fields = parsed.data;
  const issues = [...addressIssues(config, allowed)];
  const wrong = typeof config.template === 'string' ? templateProblem(config.template) : undefined;
  if (wrong !== undefined) issues.push(issue('template', 'invalid_template', wrong));
  return { config, issues };
}

/** The worker checks every address that a name resolves to. Reporting an address that is known now saves a delivery. */
function addressIssues(config: Fields, allowed: readonly Cidr[]): Issue[] {
  return ['url', 'server', 'host'].flatMap((name) => {
    const value = config[name];
    const address = typeof value === 'string' ? addressOf(name === 'host' ? `//${value}` : value) : undefined;
    if (address === undefined || !isBlockedAddress(address, allowed)) return [];
    const message = 'must not be a loopback, private or reserved address, unless DESTINATION_ALLOW_CIDRS contains it';
    return [issue(name, 'blocked_address', message)];
  });
}

/** Returns the IP address of a URL, as all its spellings resolve to (0x7f.1 is 127.0.0.1); undefined for another name. */
function addressOf(url: string): string | undefined {
  const host = URL.parse(url.replace(/^[a-z]*:?(?=\/\/)/i, 'http:'))?.hostname.replace(/\.$/, '') ?? '';
  if (host === 'localhost' || host.endsWith('.localhost')) return '127.0.0.1';
  const literal = /^\[(.*)\]$/.exec(host)?.[1];
  return literal ?? (/^\d+(\.\d+){3}$/.test(host) ? host : undefined);
}

function issue(field: string, code: string, message: string): Issue {
  return { code: 'custom', path: ['config', field], params: { code }, message, input: undefined };
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
