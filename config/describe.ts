import { z } from 'zod';
import { readSetting } from './parse.ts';

/** A variable as an administrator may see it. */
export type DescribedVariable = {
  name: string;
  /** As the process uses it, with secrets hidden; null: it is not set and has no default. */
  value: string | null;
  origin: 'default' | 'environment' | 'file';
  /** The file of `NAME_FILE`; null for another origin. */
  file: string | null;
  /** Whether the value, or a part of it, is hidden. */
  hidden: boolean;
};

const HIDDEN = '***';

/** Returns the variables by name, with the origin of their values. Secrets and passwords in URLs are hidden. */
export function describeConfig(fields: z.ZodRawShape, env: Record<string, string | undefined>): DescribedVariable[] {
  return Object.entries(fields)
    .map(([name, field]) => describeVariable(name, env, defaultOf(field)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describeVariable(
  name: string,
  env: Record<string, string | undefined>,
  byDefault: string | null,
): DescribedVariable {
  const { value: text } = readSetting(name, env);
  if (!text) return { name, value: byDefault, origin: 'default', file: null, hidden: false };
  const file = env[`${name}_FILE`] || null;
  const value = withoutSecrets(name, text, file !== null);
  return { name, value, origin: file === null ? 'environment' : 'file', file, hidden: value !== text };
}

/** Returns the default as one would write it. */
function defaultOf(field: z.core.$ZodType): string | null {
  const schema = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' });
  return schema.default === undefined || schema.default === '' ? null : String(schema.default);
}

const SECRET_NAME = /(KEYS?|SECRET|TOKEN|PASSWORD|HEADERS)$/;
const URL_PARTS = /^([a-z][a-z\d+.-]*:\/\/)(?:([^/?#]*)@)?([^?]*)(?:\?(.*))?$/is;
const SECRET_PARAMETER = /pass|pwd|secret|token|key|credential|auth|sig/i;

/** A file holds secrets, so that its value is shown only if it is a URL, whose secret parts are known. */
function withoutSecrets(name: string, text: string, fromFile: boolean): string {
  if (SECRET_NAME.test(name) && !/^\d{1,9}$/.test(text)) return HIDDEN;
  const [, scheme, login, address = '', query] = URL_PARTS.exec(text) ?? [];
  if (scheme === undefined) return fromFile ? HIDDEN : text;
  // An @ that is left over belongs to a password that is not encoded.
  if (address.includes('@')) return `${scheme}${HIDDEN}`;
  const parameters = query === undefined ? '' : `?${query.split('&').map(withoutSecretParameter).join('&')}`;
  return `${scheme}${login === undefined ? '' : `${userOf(login, scheme)}@`}${address}${parameters}`;
}

/** Returns the user without the password. The user of an HTTP URL can be a token. */
function userOf(login: string, scheme: string): string {
  const [user = '', ...password] = login.split(':');
  if (scheme.startsWith('http')) return HIDDEN;
  return password.length > 0 ? `${user}:${HIDDEN}` : user;
}

function withoutSecretParameter(parameter: string): string {
  const [name = ''] = parameter.split('=');
  const decoded = new URLSearchParams(`${name}=`).keys().next().value ?? '';
  return SECRET_PARAMETER.test(decoded) && name !== parameter ? `${name}=${HIDDEN}` : parameter;
}
