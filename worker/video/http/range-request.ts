import { RedirectRefused } from '../../errors.ts';
import type { VideoClient } from './client.ts';
import { checkRange, discardBody, headerOf, type RangeResponse } from './range-response.ts';
import type { RangeRequest } from './response-handler.ts';

const maxRedirects = 3;

/**
 * Requests the bytes [start, end) and checks the response; follows redirects within the origin.
 * Throws a VideoError or the signal's reason.
 */
export async function requestRange(client: VideoClient, request: RangeRequest): Promise<RangeResponse> {
  let url = urlWithin(client.origin, request.url);
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const response = await client.get({ ...request, url });
    const location = headerOf(response, 'location');
    const isRedirect = [301, 302, 303, 307, 308].includes(response.statusCode) && location !== undefined;
    if (!isRedirect) return checkRange(response, { ...request, url });
    await discardBody(response, request.signal);
    if (!URL.canParse(location, url.href)) throw new RedirectRefused('the video server redirects to an invalid URL');
    url = urlWithin(client.origin, new URL(location, url));
  }
  throw new RedirectRefused(`the video server redirects more than ${maxRedirects} times`);
}

/**
 * Returns the URL without user and password, which are never sent. Throws RedirectRefused for another origin. The scheme
 * is compared too, because `blob:http://…` has an http origin.
 */
function urlWithin({ origin, protocol }: URL, target: URL): URL {
  if (target.origin !== origin || target.protocol !== protocol) {
    throw new RedirectRefused('the video is on an origin other than the video server');
  }
  const url = new URL(target);
  url.username = '';
  url.password = '';
  return url;
}
