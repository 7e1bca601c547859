import { z } from 'zod';

/** The name of VIDEO_SERVER in metrics and logs. No source of the file may have it. */
export const DEFAULT_SOURCE = 'default';

/** The name of a source. */
export const sourceName = z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 characters of a-z, 0-9 and -');

const path = z.string().min(1, 'must be the path of a file');

// Set by the reader itself, or by the settings for credentials.
const RESERVED_HEADERS = new Set(
  [
    'accept-encoding',
    'authorization',
    'connection',
    'content-length',
    'expect',
    'host',
    'range',
    'te',
    'trailer',
  ].concat(['transfer-encoding', 'upgrade', 'user-agent']),
);

const headers = z.record(
  z
    .string()
    .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header')
    .refine(
      (name) => !RESERVED_HEADERS.has(name.toLowerCase()),
      'cannot be set; credentials have settings of their own',
    ),
  z.string().regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII'),
);

const baseUrl = z
  .url({ protocol: /^https?$/, error: 'must be a URL such as https://videos.example.com/archive' })
  .refine((text) => {
    const { username, password, search, hash } = new URL(text);
    return username + password + search + hash === '';
  }, 'must have no user, password, query or fragment');

const httpSchema = z
  .strictObject({
    kind: z.literal('http'),
    url: baseUrl,
    headers: headers.optional(),
    username: z
      .string()
      .regex(/^[^:\p{Cc}]+$/u, 'must not contain a colon or control characters')
      .optional(),
    password_file: path.optional(),
    bearer_file: path.optional(),
    ca_file: path.optional(),
    cert_file: path.optional(),
    key_file: path.optional(),
  })
  .superRefine((source, context) => {
    const issue = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
    if ((source.username === undefined) !== (source.password_file === undefined)) {
      issue(source.username === undefined ? 'username' : 'password_file', 'username and password_file need each other');
    }
    if (source.bearer_file !== undefined && source.username !== undefined) {
      issue('bearer_file', 'cannot be combined with username');
    }
    if ((source.cert_file === undefined) !== (source.key_file === undefined)) {
      issue(source.cert_file === undefined ? 'cert_file' : 'key_file', 'cert_file and key_file need each other');
    }
    if ((source.ca_file ?? source.cert_file) !== undefined && !source.url.startsWith('https:')) {
      issue(source.ca_file === undefined ? 'cert_file' : 'ca_file', 'needs a URL with https');
    }
  });

const bucket = z.string().regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'must be the name of a bucket');
const prefix = z
  .string()
  .max(512)
  .refine(
    (text) => !text.startsWith('/') && text.split('/').every((part) => !/^\.\.?$/.test(part)),
    'must not start with / or contain . or ..',
  )
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'must not contain control characters');
const endpoint = z
  .url({ protocol: /^https?$/, error: 'must be a URL such as https://s3.eu-central-1.amazonaws.com' })
  .refine((text) => new URL(text).href === `${new URL(text).origin}/`, 'must be scheme, host and port only');

/** With a default endpoint, which has https. */
const hasHttps = ({ endpoint, ca_file }: { endpoint?: string | undefined; ca_file?: string | undefined }) =>
  ca_file === undefined || endpoint === undefined || endpoint.startsWith('https:');
const needsHttps = { path: ['ca_file'], error: 'needs an endpoint with https' };

const s3Schema = z
  .strictObject({
    kind: z.literal('s3'),
    endpoint: endpoint.optional(),
    region: z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be a region such as eu-central-1'),
    bucket,
    prefix: prefix.optional(),
    path_style: z.boolean('must be true or false').optional(),
    credentials: z.enum(['environment', 'none'], 'must be environment or none').optional(),
    access_key_id_file: path.optional(),
    secret_access_key_file: path.optional(),
    session_token_file: path.optional(),
    ca_file: path.optional(),
  })
  .refine(hasHttps, needsHttps)
  .superRefine((source, context) => {
    const files = [source.access_key_id_file, source.secret_access_key_file];
    const expected = source.credentials === undefined ? 2 : 0;
    const given = files.filter((file) => file !== undefined).length;
    if (given === expected && (given > 0 || source.session_token_file === undefined)) return;
    const message = 'set access_key_id_file and secret_access_key_file, or credentials to environment or none';
    context.addIssue({ code: 'custom', path: ['credentials'], message });
  });

const gcsSchema = z
  .strictObject({
    kind: z.literal('gcs'),
    endpoint: endpoint.optional(),
    bucket,
    prefix: prefix.optional(),
    access_id_file: path,
    secret_file: path,
    ca_file: path.optional(),
  })
  .refine(hasHttps, needsHttps);

export type HttpSettings = z.output<typeof httpSchema>;
export type S3Settings = z.output<typeof s3Schema>;
export type GcsSettings = z.output<typeof gcsSchema>;

/** The settings of one source, as in the file. */
const sourceSchema = z.discriminatedUnion('kind', [httpSchema, s3Schema, gcsSchema], {
  error: 'must be http, s3 or gcs',
});

export type SourceSettings = z.output<typeof sourceSchema>;

/** The file: sources by name, and the source of each store or pattern of stores. */
export const fileSchema = z
  .strictObject({
    sources: z
      .record(
        sourceName.refine((name) => name !== DEFAULT_SOURCE, 'is the name of VIDEO_SERVER; choose another one'),
        sourceSchema,
      )
      .refine((sources) => Object.keys(sources).length <= 1_000, 'must be at most 1000 sources'),
    stores: z.record(z.string().min(1).max(128), sourceName).default({}),
  })
  .superRefine(({ sources, stores }, context) => {
    for (const [store, name] of Object.entries(stores)) {
      if (Object.hasOwn(sources, name)) continue;
      context.addIssue({ code: 'custom', path: ['stores', store], message: `there is no source ${name}` });
    }
  });
