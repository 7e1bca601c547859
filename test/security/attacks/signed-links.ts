import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Attack, Target } from '../attack.ts';

/** Creates an alert and returns a link to its picture, which need not exist. */
async function createLink({ api, key }: Target): Promise<{ uuid: string; link: URL }> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const uuid = randomUUID();
  const alert = { uuid, video: '/videos/test_1.avi', timestamp: 1, store: 'security' };
  await fetch(`${api}/alerts`, { method: 'POST', headers, body: JSON.stringify(alert) });
  const body = JSON.stringify({ of: 'picture', expires_in: 60 });
  const response = await fetch(`${api}/alerts/${uuid}/links`, { method: 'POST', headers, body });
  return { uuid, link: new URL(((await response.json()) as { url: string }).url) };
}

/** Returns links that nobody has signed: of other files, with other times, keys and signatures, and in other forms. */
function forge({ pathname, search, searchParams }: URL, uuid: string, other: string): string[] {
  const [expires = '', key = ''] = [searchParams.get('expires') ?? '', searchParams.get('key') ?? ''];
  const guessed = ['', 'secret', 'video-alerts links', key].map((secret) => {
    const signed = createHmac('sha256', secret).update(`${pathname}\n${expires}\n${key}\n0`);
    return `${pathname}?expires=${expires}&key=${key}&signature=${signed.digest('base64url')}`;
  });
  const random = Array.from({ length: 200 }, () => randomBytes(32).toString('base64url'));
  return [
    ...guessed,
    ...random.map((signature) => `${pathname}?expires=${expires}&key=${key}&signature=${signature}`),
    pathname.replace(uuid, other) + search,
    pathname.replace('picture', 'copy') + search,
    pathname + search.replace(expires, `${Number(expires) + 3_600}`),
    `${pathname}${search}&uuid=${other}`,
    `${pathname}${search}&expires=${Number(expires) + 3_600}`,
    `${pathname}/../${other}${search}`,
    `${pathname}%2f..%2f${other}${search}`,
    `${pathname}?expires=${expires}&key=__proto__&signature=${random[0]}`,
    `${pathname}?expires=${expires}&key[]=${key}&signature[]=x`,
    pathname,
    '/_media/',
    '/_media/pictures/../../etc/passwd',
    `/_media/pictures/00/00/${'0'.repeat(64)}.webp`,
  ];
}

type Response = { status: number; body: string };

/** Sends a path as it is. */
function send(api: string, path: string): Promise<Response> {
  const { hostname, port } = new URL(api);
  return new Promise((resolve, reject) => {
    const headers = { 'x-accel-redirect': '/_media/pictures/', 'x-original-url': '/_media/pictures/' };
    get({ hostname, port, path, headers, agent: false }, async (response) => {
      resolve({ status: response.statusCode ?? 0, body: await text(response).catch(() => '') });
    }).on('error', reject);
  });
}

/** Returns whether the signature was accepted. There need not be a picture yet. */
function isAccepted({ status, body }: Response): boolean {
  return ![400, 401, 403, 404].includes(status) || body.includes('picture-not-available');
}

export const attack: Attack = {
  item: 22,
  name: 'forged, changed and revoked links to pictures',
  limit: 'HMAC-SHA-256 of path, expiry, key and revocations',
  async run(target) {
    const { api, key } = target;
    const { uuid, link } = await createLink(target);
    const { uuid: other } = await createLink(target);
    const forged = forge(link, uuid, other);
    const accepted: string[] = [];
    for (const path of forged) if (isAccepted(await send(api, path))) accepted.push(path);
    const valid = isAccepted(await send(api, link.pathname + link.search));
    const headers = { authorization: `Bearer ${key}` };
    await fetch(`${api}/alerts/${uuid}/links`, { method: 'DELETE', headers });
    const revoked = (await send(api, link.pathname + link.search)).status === 403;
    const observed = [
      accepted.length === 0 ? `${forged.length} forged links rejected` : `accepted: ${accepted.join(' ')}`,
      ...[valid ? 'a valid one accepted' : 'a valid one rejected', revoked ? 'and revoked' : 'and not revoked'],
    ];
    return { defended: accepted.length === 0 && valid && revoked, observed: observed.join(', ') };
  },
};
