import { createRequire } from 'node:module';
import { Router } from 'express';
import { allow, Problem } from '../http/problem.ts';
import { openApiDocument } from './document.ts';
import { isProblemName, problemPage } from './problem-page.ts';

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>API – Video alerts</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
<main id="docs"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`;
/** Swagger UI is dark if <html> has this class; it does not set the class by itself. */
const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const applyColorScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', applyColorScheme);
applyColorScheme();
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
});
`;
/** What Swagger UI's style lacks: the color of a label in dark mode, and tables that fit on a phone. */
const STYLE = `html.dark-mode .swagger-ui .examples-select__section-label { color: #e4e6e6 }
.swagger-ui .responses-inner { overflow-x: auto }
`;
const ASSETS = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];

/** The document as it is sent, serialized once per process: 180 KB. */
let serialized: Buffer | undefined;

/** GET /openapi.json, GET /docs, and GET /problems/{name}, to which the `type` of each problem refers. */
export function docsRoutes(): Router {
  serialized ??= Buffer.from(JSON.stringify(openApiDocument()));
  const document = serialized;
  const router = Router();
  router.use(docsPage());
  router
    .route('/openapi.json')
    .get((_req, res) => {
      res.type('json').send(document);
    })
    .all(allow('GET'));
  router
    .route('/problems/:name')
    .get((req, res) => {
      const { name } = req.params;
      if (!isProblemName(name)) throw new Problem('not-found', 'No problem has this name.');
      res.type('text/plain').send(problemPage(name));
    })
    .all(allow('GET'));
  return router;
}

/** Serves Swagger UI from its npm package; it loads nothing from other hosts. */
function docsPage(): Router {
  const { resolve } = createRequire(import.meta.url);
  const router = Router();
  const text = (path: string, type: string, body: string) =>
    router
      .route(path)
      .get((_req, res) => void res.type(type).set('Cache-Control', 'no-cache').send(body))
      .all(allow('GET'));
  text('/docs', 'html', PAGE);
  text('/docs/page.css', 'css', STYLE);
  text('/docs/start.js', 'js', START);
  for (const name of ASSETS) {
    const file = resolve(`swagger-ui-dist/${name}`);
    router
      .route(`/docs/${name}`)
      .get((_req, res) => res.sendFile(file, { cacheControl: false, headers: { 'Cache-Control': 'no-cache' } }))
      .all(allow('GET'));
  }
  return router;
}
