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
    // The parser takes an empty body for {}, other bytes than UTF-8's for U+FFFD, and UTF-7 for what it is.
    verify(_req, _res, body, charset) {
      if (charset !== 'utf-8') throw new Problem('not-json', 'JSON is read in UTF-8 alone.');
      if (body.length === 0) throw new Problem('malformed-json', 'The request has no body.');
      if (!isUtf8(body)) throw new Problem('malformed-json', 'The body is not valid UTF-8.');
    },
  });
}

/** Reads a body of at most 16 KiB of uncompressed JSON; the rest is 400, 413 or 415. */
export const readJson: RequestHandler[] = [jsonOnly, parseJson('16kb')];

/** The same for at most 512 KiB. */
export const readBatch: RequestHandler[] = [jsonOnly, parseJson('512kb')];

/** The input as the schema gives it back; throws a Problem that names each field at fault. */
export function parse<Schema extends z.ZodType>(schema: Schema, input: unknown, refusal: string): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw validationProblem(parsed.error, refusal);
  return parsed.data;
}
