import { z } from 'zod';
import { line } from './events.ts';
import { templateProblem } from './template.ts';

export const KINDS = ['webhook', 'email', 'ntfy', 'slack', 'teams', 'discord', 'mqtt'] as const;
export type DestinationKind = (typeof KINDS)[number];

/** Returns the schema of an absolute URL. Credentials belong into fields that are stored as secrets. */
function url(...protocols: string[]) {
  const names = protocols.map((protocol) => `${protocol}://`).join(' or ');
  return z
    .string('must be a string')
    .max(2_048, { error: 'must be at most 2048 characters', abort: true })
    .superRefine((text, context) => {
      const parsed = URL.parse(text);
      const valid = parsed !== null && protocols.includes(parsed.protocol.slice(0, -1)) && parsed.hostname !== '';
      const message = valid ? 'must not contain a user name or password' : `must be an absolute URL with ${names}`;
      if (!valid || parsed.username !== '' || parsed.password !== '') context.addIssue({ code: 'custom', message });
    });
}

const secret = line(1_024);
const port = z.int('must be a port').min(1, 'must be a port').max(65_535, 'must be a port');

/** RFC 9110 token. */
const headerName = z
  .string('must be a string')
  .max(128, 'must be at most 128 characters')
  .regex(/^[!#$%&'*+.^`|~\w-]+$/, 'must be the name of an HTTP header');
const headerValue = z
  .string('must be a string')
  .max(1_024, 'must be at most 1024 characters')
  .regex(/^[\t\x20-\x7e]*$/, 'must consist of printable ASCII characters');

/** Headers that the sender sets itself. */
const RESERVED_HEADER =
  /^(host|content-length|content-type|connection|transfer-encoding|upgrade|te|trailer|expect|keep-alive|proxy-.*|webhook-.*)$/i;

const headers = z.record(headerName, headerValue, 'must be an object').superRefine((fields, context) => {
  const names = Object.keys(fields);
  if (names.length > 20) context.addIssue({ code: 'custom', message: 'must have at most 20 headers' });
  for (const name of names) {
    if (!RESERVED_HEADER.test(name)) continue;
    context.addIssue({ code: 'custom', path: [name], message: 'is set by the sender' });
  }
});

/** One mailbox without a name: `user@host`. */
const mailbox = z.email('must be an e-mail address').max(254, 'must be at most 254 characters');
const topic = z
  .string('must be a string')
  .regex(/^[\w-]{1,64}$/, 'must consist of 1 to 64 letters, digits, hyphens or underscores');

/** The configuration of each kind as clients send it. */
export const kindSchemas = {
  webhook: z.strictObject({
    url: url('https', 'http'),
    headers: headers.optional(),
    template: z
      .string('must be a string')
      .min(1, 'must not be empty')
      .max(16_384, { error: 'must be at most 16384 characters', abort: true })
      .superRefine((text, context) => {
        const problem = templateProblem(text);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .optional(),
    content_type: line(128)
      .regex(/^[\w.+-]+\/[\w.+-]+(; *[\w-]+=[\w.-]+)*$/, 'must be a media type')
      .optional(),
  }),
  email: z
    .strictObject({
      to: z.array(mailbox, 'must be an array').min(1, 'must not be empty').max(50, 'must have at most 50 entries'),
      from: mailbox,
      host: line(253).regex(/^[\w.:[\]-]+$/, 'must be a host name or an address'),
      port,
      security: z.enum(['starttls', 'tls', 'none'], 'must be starttls, tls or none'),
      user: line(256).optional(),
      password: secret.optional(),
    })
    .refine(({ security, user, password }) => security !== 'none' || (user === undefined && password === undefined), {
      path: ['security'],
      error: 'must be starttls or tls: without TLS, the password would be readable in the network',
    }),
  ntfy: z.strictObject({
    server: url('https', 'http').default('https://ntfy.sh'),
    topic,
    token: secret.optional(),
    priority: z.int('must be 1 to 5').min(1, 'must be 1 to 5').max(5, 'must be 1 to 5').optional(),
  }),
  slack: z.strictObject({ url: url('https', 'http') }),
  teams: z.strictObject({ url: url('https', 'http') }),
  discord: z.strictObject({ url: url('https', 'http') }),
  mqtt: z.strictObject({
    url: url('mqtts', 'mqtt'),
    user: line(256).optional(),
    password: secret.optional(),
    topic_prefix: line(128)
      .regex(/^[^+#/][^+#]*(?<!\/)$/, 'must be a topic without wildcards, and without a slash at either end')
      .default('video-alerts'),
    retain: z.boolean('must be true or false').default(true),
    home_assistant: z.boolean('must be true or false').default(false),
  }),
} as const satisfies Record<DestinationKind, z.ZodType>;

export type KindConfig<Kind extends DestinationKind> = z.output<(typeof kindSchemas)[Kind]>;

/** The fields of each kind that are stored encrypted and never shown. The api generates the signing secret. */
const SECRET_FIELDS: Record<DestinationKind, readonly string[]> = {
  webhook: ['signing_secret', 'headers'],
  email: ['password'],
  ntfy: ['token'],
  slack: ['url'],
  teams: ['url'],
  discord: ['url'],
  mqtt: ['password'],
};

/**
 * The secret that signs webhooks: `whsec_` and 32 random bytes in base64. For a while after a rotation, `previous` signs as
 * well.
 */
export const signingSecretSchema = z.strictObject({
  secret: z.string(),
  previous: z.strictObject({ secret: z.string(), valid_until: z.iso.datetime() }).optional(),
});
export type SigningSecret = z.output<typeof signingSecretSchema>;

export type Fields = Record<string, unknown>;

/** Separates a configuration into its public and its secret fields. Fields that are not set are in neither. */
export function splitSecrets(kind: DestinationKind, config: Fields): { config: Fields; secrets: Fields } {
  const set = Object.entries(config).filter(([, value]) => value !== undefined);
  const isSecret = ([name]: [string, unknown]) => SECRET_FIELDS[kind].includes(name);
  return {
    config: Object.fromEntries(set.filter((field) => !isSecret(field))),
    secrets: Object.fromEntries(set.filter(isSecret)),
  };
}

/** Returns the configuration with its secret fields: the reverse of splitSecrets. */
export function joinSecrets(kind: DestinationKind, config: Fields, secrets: Fields): Fields {
  return { ...config, ...splitSecrets(kind, secrets).secrets };
}
