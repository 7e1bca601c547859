import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** What pages may load: what this host serves, nothing inline. `board`: Bull Board styles its elements inline. */
function policy(board: boolean): RequestHandler {
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
        styleSrc: board ? ["'self'", "'unsafe-inline'"] : ["'self'"],
      },
    },
  });
}

export function securityHeaders(): RequestHandler {
  const [strict, board] = [policy(false), policy(true)];
  return (req, res, next) => (/^\/queues(\/|$)/i.test(req.path) ? board : strict)(req, res, next);
}
