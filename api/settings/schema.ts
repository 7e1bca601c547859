import { z } from 'zod';

const instant = z.iso.datetime();
const version = z.string().nullable();

const variableSchema = z
  .strictObject({
    name: z.string(),
    value: z.string().nullable().meta({
      description:
        'As it was set; `***` replaces secrets and passwords in URLs. Null: not set, and there is no default.',
    }),
    origin: z.enum(['default', 'environment', 'file']),
    file: z.string().nullable().meta({ description: 'The path of the file that holds the value.' }),
    hidden: z.boolean().meta({ description: 'Whether the value, or a part of it, is hidden.' }),
  })
  .meta({ id: 'ConfigurationVariable' });

const migrationsSchema = z
  .strictObject({
    applied: z.array(z.strictObject({ name: z.string(), applied_at: instant })),
    pending: z.array(z.string()).meta({ description: '`npm run migrate` applies them.' }),
    newer: z.array(z.string()).meta({ description: 'Applied by a newer version.' }),
    failed: z.array(z.string()).meta({ description: 'Started and not finished.' }),
  })
  .meta({ id: 'Migrations' });

export const HEALTH_STATUSES = ['ok', 'warning', 'failed'] as const;

const dependencySchema = z
  .strictObject({
    name: z.string().meta({
      description:
        'A check of `/readyz`; `backup`, `restore_drill`; `video_server`, or `source` and the name of a video source.',
    }),
    status: z.enum(HEALTH_STATUSES).meta({
      description:
        '`failed`: no alert is accepted. `warning`: alerts are accepted, but work waits or someone has to act.',
    }),
    detail: z.string().nullable(),
  })
  .meta({ id: 'Dependency' });

/** The variables of a worker, as it has recorded them. */
export const workerVariables = z.array(variableSchema);

const workerSchema = z
  .strictObject({
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    node: z.string(),
    started_at: instant,
    seen_at: instant.meta({ description: 'Every 30 seconds. A worker that stops normally is not listed any more.' }),
    configuration: workerVariables,
  })
  .meta({ id: 'Worker' });

/** The response to GET /settings. */
export const settingsSchema = z
  .strictObject({
    process: z
      .strictObject({ component: z.literal('api'), host: z.string(), pid: z.int(), started_at: instant })
      .meta({ description: 'The process that sends this response, whose configuration it is.' }),
    configuration: z.array(variableSchema),
    versions: z.strictObject({
      project: z.string(),
      node: z.string(),
      postgresql: version.meta({ description: 'Null: the database is unavailable.' }),
      redis: version.meta({ description: 'Null: the queue is not on Redis, or is unavailable.' }),
    }),
    migrations: migrationsSchema.nullable().meta({ description: 'Null: the database is unavailable.' }),
    health: z.array(dependencySchema),
    workers: z.array(workerSchema).nullable().meta({
      description: 'Those that were seen within the last hour, at most 100. Null: the database is unavailable.',
    }),
  })
  .meta({ id: 'Settings' });

export type SettingsJson = z.output<typeof settingsSchema>;
export type Dependency = z.output<typeof dependencySchema>;
