import express, { type RequestHandler, Router } from 'express';
import { escapeHtml } from '../http/escape-html.ts';
import { allow, Problem } from '../http/problem.ts';
import { ANONYMOUS, type Auth } from './client.ts';
import { clearKeyCookie, setKeyCookie } from './credentials.ts';

const STYLE = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 26rem; margin: 15vh auto; padding: 0 1rem }
input { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem; margin: .25rem 0 1rem }
button { font: inherit; padding: .4rem 1rem }
[role=alert] { border-left: .25rem solid #c33; padding-left: .75rem }
`;

/** GET /login shows a form for the key, POST /login stores the key in a cookie, POST /logout deletes the cookie. */
export function loginRoutes(auth: Auth): Router {
  const router = Router();
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 8 });
  router.route('/login').get(showForm(auth)).post(form, logIn(auth)).all(allow('GET', 'POST'));
  router
    .route('/login.css')
    .get((_req, res) => void res.type('css').set('Cache-Control', 'max-age=3600').send(STYLE))
    .all(allow('GET'));
  router
    .route('/logout')
    .post((req, res) => {
      clearKeyCookie(req, res);
      res.redirect(303, '/login');
    })
    .all(allow('POST'));
  return router;
}

/** Redirects browsers without a key to the login form. Other clients get 401 from the route. */
export const redirectToLogin: RequestHandler = (req, res, next) => {
  const wantsPage = req.method === 'GET' && req.accepts(['json', 'html']) === 'html';
  if (req.apiClient !== ANONYMOUS || !wantsPage) return next();
  res.redirect(303, `/login?${new URLSearchParams({ next: req.originalUrl })}`);
};

function showForm(auth: Auth): RequestHandler {
  return (req, res) => {
    if (auth === 'off') return res.redirect(303, '/');
    const { next, wrong } = req.query;
    const error = wrong === undefined ? '' : '<p role="alert">Invalid key: unknown, revoked or expired.</p>';
    res
      .set('Cache-Control', 'no-store')
      .type('html')
      .send(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Log in – Video alerts</title>
<link rel="stylesheet" href="/login.css">
<main>
<h1>Video alerts</h1>
${error}
<form method="post" action="/login">
<label>Key <input name="key" type="password" required autofocus autocomplete="current-password" placeholder="va_…"></label>
<input name="next" type="hidden" value="${escapeHtml(localPath(next))}">
<button>Log in</button>
</form>
</main>
</html>
`);
  };
}

function logIn(auth: Auth): RequestHandler {
  return async (req, res) => {
    const { key = '', next = '/' }: Record<string, unknown> = req.body ?? {};
    const path = localPath(next);
    if (auth === 'off') return res.redirect(303, path);
    try {
      await auth.clientOf(req, String(key).trim());
    } catch (error) {
      if (!(error instanceof Problem && error.problem === 'unauthorized')) throw error;
      return res.redirect(303, `/login?${new URLSearchParams({ wrong: '1', next: path })}`);
    }
    setKeyCookie(req, res, String(key).trim());
    res.redirect(303, path);
  };
}

/** Returns `next` if it is a path on this host, else `/`: a link to the form must not redirect to another host. */
function localPath(next: unknown): string {
  const server = 'http://alerts.invalid';
  if (typeof next !== 'string' || !next.startsWith('/') || !URL.canParse(next, server)) return '/';
  const { origin, pathname, search } = new URL(next, server);
  return origin === server && !pathname.startsWith('//') ? pathname + search : '/';
}
