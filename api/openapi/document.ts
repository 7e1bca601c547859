import { createDocument } from 'zod-openapi';
import { problemSchema } from '../alerts/schema.ts';
import { alertActionPaths } from './alert-action-paths.ts';
import { alertPaths } from './alert-paths.ts';
import { operationsPaths } from './operations-paths.ts';
import { problemSchemas } from './problems.ts';

/** The contract as OpenAPI 3.1, made from the schemas that check the requests. */
export function openApiDocument() {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Video alerts',
      version: '1.0.0',
      description:
        'Accepts alerts of stores’ cameras and tells the resolution of their videos. Every error is an RFC 9457 problem ' +
        'whose `type` leads to a page that says what to do. A method that a path does not have is answered with 405 and ' +
        'Allow, OPTIONS with 204 and Allow; HEAD goes wherever GET does.',
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Alerts', description: 'Send them and follow them.' },
      { name: 'Operating', description: 'Retry what failed, see why it is late.' },
      { name: 'House', description: 'How it is, and this document.' },
    ],
    paths: { ...alertPaths, ...alertActionPaths, ...operationsPaths },
    components: {
      schemas: { Problem: problemSchema, ...problemSchemas() },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key: `va_<id>_<secret>`.' },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'The key as password, any user name: for curl -u and browsers.',
        },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: 'alerts-key',
          description: 'As /login sets it; over TLS `__Host-alerts-key`.',
        },
      },
    },
  });
}
