import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import packageJson from '../../package.json' with { type: 'json' };
import { problemSchema } from '../alerts/schema.ts';
import { alertActionPaths } from './alert-action-paths.ts';
import { alertPaths } from './alert-paths.ts';
import { backupPaths } from './backup-paths.ts';
import { copyPaths } from './copy-paths.ts';
import { deliveryPaths } from './delivery-paths.ts';
import { destinationPaths } from './destination-paths.ts';
import { exportPaths } from './export-paths.ts';
import { auditPaths, holdPaths } from './hold-paths.ts';
import { keyPaths } from './key-paths.ts';
import { mediaPaths } from './media-paths.ts';
import { operationsPaths } from './operations-paths.ts';
import { problemSchemas } from './problems.ts';
import { retentionPaths } from './retention-paths.ts';
import { settingsPaths } from './settings-paths.ts';
import { silencePaths } from './silence-paths.ts';
import { storePaths } from './store-paths.ts';
import { triagePaths } from './triage-paths.ts';

const PATHS: ZodOpenApiPathsObject = {
  ...alertPaths,
  ...exportPaths,
  ...holdPaths,
  ...alertActionPaths,
  ...triagePaths,
  ...mediaPaths,
  ...copyPaths,
  ...destinationPaths,
  ...deliveryPaths,
  ...auditPaths,
  ...retentionPaths,
  ...storePaths,
  ...silencePaths,
  ...backupPaths,
  ...keyPaths,
  ...settingsPaths,
  ...operationsPaths,
};

let document: ReturnType<typeof createDocument> | undefined;

/** Returns the contract as OpenAPI 3.1, generated once per process from the schemas that validate the requests. */
export function openApiDocument(): ReturnType<typeof createDocument> {
  document ??= createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Video alerts',
      version: packageJson.version,
      description:
        'Accepts alerts from store cameras and reports the resolution of their videos. Every error is an RFC 9457 ' +
        'problem whose `type` links to an explanation. A method that a path does not support returns 405 with Allow; ' +
        'OPTIONS returns 204 with Allow; HEAD works wherever GET does.',
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Alerts', description: 'Create alerts and follow them.' },
      { name: 'Operations', description: 'Retry and triage failed alerts, and find out why an alert is late.' },
      { name: 'Destinations', description: 'Deliver alerts to other systems.' },
      { name: 'Keeping', description: 'Retention, legal holds, deletion and the audit log.' },
      { name: 'Administration', description: 'API keys, configuration and the state of the installation.' },
      { name: 'System', description: 'Health, metrics and documentation.' },
    ],
    paths: PATHS,
    components: {
      schemas: { Problem: problemSchema, ...problemSchemas() },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key: `va_<id>_<secret>`.' },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'The key as the password with any user name, for curl -u and browsers.',
        },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: 'alerts-session',
          description: 'Set by /login; its name is `__Host-alerts-session` over TLS.',
        },
      },
    },
  });
  return document;
}
