import express, { type RequestHandler, Router } from 'express';
import { escapeHtml } from '../http/escape-html.ts';
import { htmlPage, PAGE_STYLE } from '../http/html-page.ts';
import { allow, Problem } from '../http/problem.ts';
import { ANONYMOUS, type Auth } from './client.ts';
import { clearSessionCookie, readSessionCookie, setSessionCookie } from './credentials.ts';
import type { FailedLogins } from './failed-logins.ts';

/** The origin of the video server as browsers reach it. */
type Videos = string | undefined;

type Deps = { auth: Auth; videos?: Videos; failedLogins: FailedLogins };

/** GET /login shows a form for the key, POST /login starts a session with a cookie, POST /logout ends it. */
export function loginRoutes({ auth, videos, failedLogins }: Deps): Router {
  const router = Router();
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 8 });
  if (auth !== 'off') router.use('/login', notOnVideoHost(videos));
  router.route('/login').get(showForm(auth)).post(form, logIn(auth, failedLogins)).all(allow('GET', 'POST'));
  router
    .route('/login.css')
    .get((_req, res) => void res.type('css').set('Cache-Control', 'max-age=3600').send(PAGE_STYLE))
    .all(allow('GET'));
  router.route('/logout').post(logOut(auth)).all(allow('POST'));
  return router;
}

const OTHER_LOOPBACK_NAME = new Map([
  ['localhost', '127.0.0.1'],
  ['127.0.0.1', 'localhost'],
]);

/**
 * Rejects a login on the host name of the video server: browsers would send the cookie there, because cookies ignore the
 * port. On loopback the other name is as good, so browsers are redirected to it.
 */
function notOnVideoHost(videos: Videos): RequestHandler {
  const videoHost = videos === undefined ? undefined : new URL(videos).hostname;
  return (req, res, next) => {
    if (req.hostname !== videoHost) return next();
    const other = OTHER_LOOPBACK_NAME.get(req.hostname);
    if (req.method !== 'GET' || other === undefined) {
      throw new Problem(
        'misdirected',
        `${req.hostname} is also the host of the videos, which would get the login cookie. Open this page by another host name, or set VIDEO_PUBLIC_URL to one.`,
      );
    }
    const port = req.host.slice(req.hostname.length);
    res.redirect(303, `${req.protocol}://${other}${port}${req.originalUrl}`);
  };
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
    const body = `<h1>Video alerts</h1>
${error}
<form method="post" action="/login">
<label>Key <input name="key" type="password" required autofocus autocomplete="current-password" placeholder="va_…"></label>
<input name="next" type="hidden" value="${escapeHtml(localPath(next))}">
<button>Log in</button>
</form>
<p class="note">An administrator creates keys with <code>npm run keys</code>.</p>`;
    res
      .set('Cache-Control', 'no-store')
      .type('html')
      .send(htmlPage({ title: 'Log in', body }));
  };
}

function logIn(auth: Auth, failedLogins: FailedLogins): RequestHandler {
  return async (req, res) => {
    const { key = '', next = '/' }: Record<string, unknown> = req.body ?? {};
    const path = localPath(next);
    if (auth === 'off') return res.redirect(303, path);
    const client = await auth.clientOf(req, String(key).trim()).catch((error: unknown) => {
      if (error instanceof Problem) failedLogins.count(req.ip);
      if (error instanceof Problem && error.problem === 'unauthorized') return undefined;
      throw error;
    });
    const token = client && (await auth.sessions?.start(client, { replaces: readSessionCookie(req), address: req.ip }));
    if (token === undefined) return res.redirect(303, `/login?${new URLSearchParams({ wrong: '1', next: path })}`);
    setSessionCookie(req, res, token);
    res.redirect(303, path);
  };
}

function logOut(auth: Auth): RequestHandler {
  return async (req, res) => {
    const token = readSessionCookie(req);
    clearSessionCookie(req, res);
    if (auth !== 'off' && token !== undefined) await auth.sessions?.end(token, req.ip);
    res.redirect(303, '/login');
  };
}

/** Returns `next` if it is a path on this host, else `/`: a link to the form must not redirect to another host. */
function localPath(next: unknown): string {
  const server = 'http://alerts.invalid';
  if (typeof next !== 'string' || !next.startsWith('/') || !URL.canParse(next, server)) return '/';
  const { origin, pathname, search } = new URL(next, server);
  return origin === server && !pathname.startsWith('//') ? pathname + search : '/';
}
