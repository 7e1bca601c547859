import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** What pages may load: what this host serves, nothing inline. `board`: Bull Board styles its elements inline; `videos`: origin of the videos. */
function policy(board: boolean, videos: string | undefined): RequestHandler {
  return helmet({
    // Plain HTTP behind a proxy or on loopback: whoever ends TLS says HSTS.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'self'"],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
        formAction: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        mediaSrc: ["'self'", ...(videos === undefined ? [] : [videos])],
        styleSrc: board ? ["'self'", "'unsafe-inline'"] : ["'self'"],
      },
    },
  });
}

export function securityHeaders(videos?: string): RequestHandler {
  const [strict, board] = [policy(false, videos), policy(true, videos)];
  return (req, res, next) => (/^\/queues(\/|$)/i.test(req.path) ? board : strict)(req, res, next);
}
