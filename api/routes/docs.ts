import { Router } from 'express';
import { openApiDocument } from '../openapi.ts';
import { allow, PROBLEMS, Problem, type ProblemName } from '../problem.ts';

/** GET /openapi.json, and the page that each problem's `type` points to. */
export function docsRoutes(): Router {
  const document = JSON.stringify(openApiDocument());
  const router = Router();
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
      const [status, title, advice] = PROBLEMS[name];
      res.type('text/plain').send(`${status} ${title}\n\n${advice}\n`);
    })
    .all(allow('GET'));
  return router;
}

function isProblemName(name: string): name is ProblemName {
  return Object.hasOwn(PROBLEMS, name);
}
