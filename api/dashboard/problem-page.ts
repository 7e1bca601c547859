import type { ErrorRequestHandler, Request } from 'express';
import { escapeHtml } from '../http/escape-html.ts';
import { htmlPage } from '../http/html-page.ts';
import { PROBLEMS, Problem } from '../http/problem.ts';

/** The pages for people; all other routes are the API. */
const PAGE_PATH = /^\/(login|queues(\/(?!api\/).*)?)?$/i;

/** Shows a problem of a page as a page, and passes everything else to the handler of the API. */
export const showProblemPage: ErrorRequestHandler = (error, req, res, next) => {
  if (!(error instanceof Problem) || res.headersSent || !isPage(req)) return next(error);
  const [status, title, advice] = PROBLEMS[error.problem];
  const body = `<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(error.message)}</p>
<p>${escapeHtml(advice)}</p>
<a class="button" href="/">Open the alerts</a>
<p class="note">Status ${status} · request ${escapeHtml(req.id)}</p>`;
  res.status(status).set(error.headers).set('Cache-Control', 'private, no-store').type('html');
  res.send(htmlPage({ title, body }));
};

function isPage(req: Request): boolean {
  return req.method === 'GET' && PAGE_PATH.test(req.path) && req.accepts(['json', 'html']) === 'html';
}
