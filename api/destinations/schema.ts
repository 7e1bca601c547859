import { z } from 'zod';
import { EVENTS, filterSchema, groupSchema, line } from '#destinations/events.ts';
import { KINDS, kindSchemas } from '#destinations/kinds.ts';
import { FailureCode } from '#prisma/generated/enums.ts';

export const uuid = z.uuid('must be a UUID').toLowerCase();
export const failureCode = z.enum(FailureCode, 'must be a failure code');
export const instant = z.iso.datetime();

const kind = z.enum(KINDS, `must be one of ${KINDS.join(', ')}`);
const name = line(128);
const filter = filterSchema(failureCode);
const enabled = z.boolean('must be true or false');
const waitForPicture = z.boolean('must be true or false');

/** The configuration depends on the kind: see config-input.ts. */
const config = z.record(z.string(), z.unknown(), 'must be an object');

/** Shows the fields of all kinds. A field whose value is secret is in no response. */
const documentedConfig = z
  .union([kindSchemas.webhook, kindSchemas.email, kindSchemas.ntfy, kindSchemas.slack, kindSchemas.mqtt])
  .meta({ description: 'Depends on the kind. `slack`, `teams` and `discord` have only `url`.' });

/** The body of POST /destinations, without the fields of `config`. */
export const newDestinationSchema = z.strictObject({
  name: name.meta({ description: 'Unique.' }),
  kind,
  config,
  filter: filter.prefault({}).meta({
    description: 'Which events to deliver; an empty list is all. `failure_codes` apply to alert.failed only.',
  }),
  group: groupSchema
    .nullable()
    .default(null)
    .meta({ description: 'Collect the alerts of a store in one message; null: one message per event.' }),
  wait_for_picture: waitForPicture
    .default(false)
    .meta({ description: 'Messages wait up to 2 s for the picture of their alert.' }),
  enabled: enabled.default(true),
});

export const documentedNewDestination = newDestinationSchema
  .extend({ config: documentedConfig })
  .meta({ id: 'NewDestination' });

/** The body of PATCH /destinations/:id, without the fields of `config`. */
export const destinationPatchSchema = z.strictObject({
  name: name.optional(),
  config: config.optional(),
  filter: filter.optional(),
  group: groupSchema.nullable().optional(),
  wait_for_picture: waitForPicture.optional(),
  enabled: enabled.optional(),
});

export const documentedPatch = destinationPatchSchema
  .extend({
    config: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({
        description:
          'Replaces all public fields. A secret field that is absent keeps its value, and null removes it. If the receiver is ' +
          'another server, secret fields must be sent again.',
      }),
    enabled: enabled.optional().meta({
      description: 'true delivers what has become pending, oldest first, at DELIVERY_BACKLOG_RATE per second.',
    }),
  })
  .meta({ id: 'DestinationPatch' });

/** `console` is the destination that is built in. */
export const destinationPathSchema = z.strictObject({
  id: z.union([uuid, z.literal('console')], 'must be the id of a destination'),
});

export const HEALTH_STATES = ['ok', 'failing', 'blocked', 'disabled', 'unused'] as const;

const healthSchema = z.strictObject({
  state: z.enum(HEALTH_STATES).meta({
    description:
      '`failing`: the last attempt failed. `blocked`: several in a row failed, so that no attempt starts before ' +
      '`blocked_until`. `unused`: nothing was delivered yet.',
  }),
  consecutive_failures: z.int(),
  blocked_until: instant.nullable(),
  last_error: z.string().nullable(),
  last_error_at: instant.nullable(),
  last_delivered_at: instant.nullable(),
  pending: z.int().meta({ description: 'Deliveries that wait; counted up to 10001.' }),
  failed: z.int().meta({ description: 'Deliveries whose attempts have all failed; counted up to 10001.' }),
});

export const destinationSchema = z
  .strictObject({
    id: z.uuid(),
    name: z.string(),
    kind: z.enum(KINDS),
    config: z.record(z.string(), z.unknown()).meta({ description: 'Without its secret fields.' }),
    secrets: z.array(z.string()).meta({ description: 'The secret fields that are set.' }),
    secrets_error: z
      .string()
      .nullable()
      .meta({ description: 'Why the secret fields cannot be read, for example because SECRETS_KEY has changed.' }),
    filter: z.strictObject({
      stores: z.array(z.string()),
      events: z.array(z.enum(EVENTS)),
      failure_codes: z.array(failureCode),
    }),
    group: z.strictObject({ by: z.literal('store'), wait_s: z.int(), interval_s: z.int() }).nullable(),
    wait_for_picture: z.boolean(),
    enabled: z.boolean(),
    disabled_reason: z.string().nullable().meta({ description: 'Null if a person disabled it.' }),
    disabled_at: instant.nullable(),
    health: healthSchema,
    created_at: instant,
    updated_at: instant,
    links: z.strictObject({ self: z.string(), deliveries: z.string() }),
  })
  .meta({ id: 'Destination' });

export type DestinationJson = z.input<typeof destinationSchema>;

const signingSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{43}=$/)
  .meta({ description: 'Verifies webhooks. It is shown only in this response.' });

/** A destination in the response that sets its signing secret. */
export const createdDestinationSchema = destinationSchema
  .extend({ signing_secret: signingSecret.optional() })
  .meta({ id: 'CreatedDestination' });

const consoleSchema = z
  .strictObject({
    id: z.literal('console'),
    name: z.literal('console'),
    kind: z.literal('console'),
    builtin: z.literal(true),
    links: z.strictObject({ self: z.string() }),
  })
  .meta({ id: 'ConsoleDestination', description: 'The worker’s standard output. It cannot be changed.' });

export const anyDestinationSchema = z.union([consoleSchema, destinationSchema]);
export const destinationListSchema = z
  .strictObject({ data: z.array(anyDestinationSchema) })
  .meta({ id: 'DestinationList', description: '`console` first, the others by name.' });

export const CONSOLE: z.infer<typeof consoleSchema> = {
  id: 'console',
  name: 'console',
  kind: 'console',
  builtin: true,
  links: { self: '/destinations/console' },
};

export const rotatedSecretSchema = z
  .strictObject({
    signing_secret: signingSecret,
    previous_valid_until: instant.nullable().meta({ description: 'Until then both secrets sign.' }),
  })
  .meta({ id: 'RotatedSecret' });

export const testResultSchema = z
  .strictObject({
    delivery: z.uuid(),
    delivered: z.boolean(),
    status: z.int().nullable().meta({ description: 'The status of the response.' }),
    body: z.string().nullable().meta({ description: 'At most 1 kB of the response.' }),
    error: z.string().nullable(),
    ms: z.number().nullable(),
  })
  .meta({ id: 'TestResult' });
