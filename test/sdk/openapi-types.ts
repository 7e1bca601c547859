// `npm run sdk:types`: writes sdk/src/openapi.ts, the types of the API's OpenAPI document. With --check it only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { openApiDocument } from '#api/openapi/document.ts';

const FILE = new URL('../../sdk/src/openapi.ts', import.meta.url);
const HEADER =
  '// Types of the API, generated from its OpenAPI document by `npm run sdk:types`. Do not edit: it is as long as the API.\n';

// openapi-typescript 7 needs the JavaScript API of TypeScript 6, which TypeScript 7 no longer has.
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' ? '@typescript/typescript6' : specifier, context),
});
const { astToString, default: openapiTS } = await import('openapi-typescript');

type Operation = { responses: Record<string, { headers?: object }> };

/**
 * Returns the document without headers and error responses, which every operation repeats: they are two thirds of the types.
 * The client has the errors as a class, whose types are among the schemas.
 */
function reducedDocument() {
  const document = JSON.parse(JSON.stringify(openApiDocument()));
  for (const operations of Object.values<Record<string, Operation>>(document.paths)) {
    for (const { responses } of Object.values(operations)) {
      for (const [status, response] of Object.entries(responses)) {
        if (Number(status) >= 300) delete responses[status];
        else delete response.headers;
      }
    }
  }
  return document;
}

// A field with a default may be missing in a request.
const types = HEADER + astToString(await openapiTS(reducedDocument(), { defaultNonNullable: false }));

if (process.argv[2] !== '--check') {
  writeFileSync(FILE, types);
} else if (readFileSync(FILE, 'utf8') !== types) {
  process.stderr.write('sdk/src/openapi.ts is not up to date: run npm run sdk:types\n');
  process.exitCode = 1;
}
