import { RedirectRefused } from '../../errors.ts';
import { type Line, type LineOptions, openHttp, type RangeRequest } from './exchange.ts';
import { openHttps } from './exchange-tls.ts';
import { discard, type RangeAnswer, readAnswer } from './range-response.ts';

const mostRedirects = 3;

/** `origin`: scheme, host and port of the video server, the only place that is ever connected to. */
export type VideoClientOptions = LineOptions & { origin: string };

export type VideoClient = Line & { origin: URL };

export function createVideoClient(options: VideoClientOptions): VideoClient {
  const origin = new URL(options.origin);
  const open = origin.protocol === 'https:' ? openHttps : openHttp;
  return { origin, ...open(origin, options) };
}

/** Asks for the bytes [start, end); follows redirects within the origin. Throws a VideoError or the signal's reason. */
export async function requestRange({ origin, ask }: VideoClient, request: RangeRequest): Promise<RangeAnswer> {
  let url = within(origin, request.url);
  for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
    const { body, ...head } = await ask({ ...request, url });
    const { location } = head.headers;
    const redirected = [301, 302, 303, 307, 308].includes(head.statusCode) && location !== undefined;
    if (!redirected) return readAnswer(head, { ...request, url }, body);
    await discard(body, request.signal);
    if (!URL.canParse(location, url.href)) throw new RedirectRefused('the video server redirects to no URL');
    url = within(origin, new URL(location, url));
  }
  throw new RedirectRefused(`the video server redirects more than ${mostRedirects} times`);
}

/** The URL without user and password, which we never send. `blob:http://…` has an http origin, hence the scheme. */
function within({ origin, protocol }: URL, target: URL): URL {
  if (target.origin !== origin || target.protocol !== protocol) {
    throw new RedirectRefused('the video is on another origin than the video server');
  }
  const url = new URL(target);
  url.username = '';
  url.password = '';
  return url;
}
