import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** Returns the headers of pages: they load files of this host and play videos of `videos`, the video server's origin. */
export function securityHeaders(videos?: string): RequestHandler {
  const [strict, bullBoard] = [policy(videos, false), policy(videos, true)];
  return (req, res, next) => {
    // For every response that does not set its own: problems, the board, and routes that are added.
    res.set('Cache-Control', 'private, no-store');
    return (/^\/queues(\/|$)/i.test(req.path) ? bullBoard : strict)(req, res, next);
  };
}

function policy(videos: string | undefined, inlineStyles: boolean): RequestHandler {
  return helmet({
    // The api serves plain HTTP, on loopback or behind a proxy. HSTS is for the proxy that terminates TLS.
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
        // The page finds out from the video server why a video does not play.
        connectSrc: ["'self'", ...(videos === undefined ? [] : [videos])],
        mediaSrc: ["'self'", ...(videos === undefined ? [] : [videos])],
        // Bull Board styles its elements inline.
        styleSrc: inlineStyles ? ["'self'", "'unsafe-inline'"] : ["'self'"],
      },
    },
  });
}
