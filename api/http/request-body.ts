import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import type { z } from 'zod';
import { Problem, validationProblem } from './problem.ts';

const jsonOnly: RequestHandler = (req, _res, next) => {
  if (!req.is('application/json')) throw new Problem('not-json', 'Content-Type must be application/json.');
  next();
};

function parseJson(limit: string): RequestHandler {
  return express.json({
    limit,
    inflate: false,
    type: 'application/json',
    // The parser accepts UTF-7, takes an empty body for {}, and replaces invalid UTF-8 by U+FFFD.
    verify(_req, _res, body, charset) {
      if (charset !== 'utf-8') throw new Problem('not-json', 'The charset of JSON must be UTF-8.');
      if (body.length === 0) throw new Problem('malformed-json', 'The request has no body.');
      if (!isUtf8(body)) throw new Problem('malformed-json', 'The body is not valid UTF-8.');
    },
  });
}

/** Reads a body of at most 16 KiB of uncompressed JSON. Responds with 400, 413 or 415 to any other body. */
export const readJson: RequestHandler[] = [jsonOnly, parseJson('16kb')];

/** Reads a body like readJson, but of at most 512 KiB. */
export const readBatch: RequestHandler[] = [jsonOnly, parseJson('512kb')];

/** Returns the parsed input. Throws a Problem that lists each invalid field of the `subject`, such as `alert`. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown, subject: string): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw validationProblem(parsed.error, subject);
  return parsed.data;
}
