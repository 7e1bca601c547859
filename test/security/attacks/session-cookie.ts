import type { Attack } from '../attack.ts';
import { exchange } from '../sockets.ts';

/** Sends the form of /login as a browser does that has opened it by this host name. */
function logIn(api: string, host: string, key: string): Promise<string> {
  const body = new URLSearchParams({ key }).toString();
  const head = [
    'POST /login HTTP/1.1',
    `Host: ${host}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  return exchange(api, `${head.join('\r\n')}\r\n\r\n${body}`);
}

export const attack: Attack = {
  item: 2,
  name: 'login cookie on the host of the videos, and as a key',
  limit: 'a session of one host name; no login on the host of the videos',
  async run({ api, key }) {
    const { host, port } = new URL(api);
    const onVideoHost = await logIn(api, `localhost:${port}`, key);
    const [, cookie = '', attributes = ''] =
      /^set-cookie: ((?:__Host-)?alerts-session=[^;\s]+)(.*)$/im.exec(await logIn(api, host, key)) ?? [];
    const token = cookie.slice(cookie.indexOf('=') + 1);
    const statusWith = async (headers: Record<string, string>) => {
      const response = await fetch(`${api}/alerts?limit=1`, { headers });
      await response.text();
      return response.status;
    };
    const opened = await statusWith({ cookie });
    const asKey = await statusWith({ authorization: `Bearer ${token}` });
    const problems = [
      ...(token === '' || opened !== 200 ? [`no session: status ${opened}`] : []),
      ...(/^set-cookie:/im.test(onVideoHost) ? ['the host of the videos gets a cookie'] : []),
      // With a domain, the cookie is sent to all names below it.
      ...(/;\s*domain=/i.test(attributes) ? ['the cookie has a domain'] : []),
      ...(/;\s*httponly/i.test(attributes) && /;\s*samesite=strict/i.test(attributes) ? [] : [`cookie:${attributes}`]),
      ...(cookie.includes(key) || cookie.includes(key.slice(3)) ? ['the cookie contains the key'] : []),
      ...(asKey === 401 ? [] : [`the cookie is a key: status ${asKey}`]),
    ];
    const observed = `login there gets ${onVideoHost.slice(9, 12)} and no cookie; the cookie as Bearer token gets ${asKey}`;
    return { defended: problems.length === 0, observed: problems.length === 0 ? observed : problems.join('; ') };
  },
};
