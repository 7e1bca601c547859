import { z } from 'zod';

const NAME = /^[\w.-]+$/;

/** ALLOWED_HOSTS: comma-separated host names, without ports. */
export const allowedHostsField = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter(Boolean),
  )
  .refine((names) => names.every((name) => NAME.test(name)), 'must be comma-separated host names without ports');

const LOCAL_HOST = /^(localhost|[\w-]+\.localhost|[\d.]+|\[[\da-f:.]+\])$/;

/**
 * Returns whether a Host header names this host in a way that no foreign page can: localhost, an IP address, or a name of
 * `allowed`. Otherwise a page can let its own name resolve to this host and read responses (DNS rebinding).
 */
export function isAllowedHost(header: string | undefined, allowed: readonly string[]): boolean {
  const name = (header ?? '').toLowerCase().replace(/:\d*$/, '');
  return LOCAL_HOST.test(name) || allowed.includes(name);
}
