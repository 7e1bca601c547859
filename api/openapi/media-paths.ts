import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { alertPathSchema } from '../alerts/schema.ts';
import { linkQuerySchema, linkSchema, newLinkSchema } from '../media/schema.ts';
import { LINK } from './examples.ts';
import { alertPath, operation } from './operation.ts';
import { type HeaderName, headers, json } from './responses.ts';

const invalidPath = { subject: 'path', schema: alertPathSchema, invalid: { uuid: '35df2857' } };

const FILE_HEADERS: HeaderName[] = ['Accept-Ranges?', 'Content-Disposition?'];

/** Returns the responses with a file, whole and in part. */
export function fileResponses(description: string, type: 'image/webp' | 'video/mp4') {
  const file = (what: string, names: HeaderName[]) => ({
    description: what,
    content: {
      [type]: { schema: { type: 'string', format: 'binary' }, examples: { file: { value: `bytes of ${type}` } } },
    },
    headers: headers(...FILE_HEADERS, ...names),
  });
  return { 200: file(description, []), 206: file('The requested range of it', ['Content-Range']) };
}

const picture = operation('get', '/alerts/{uuid}/picture', 'Alerts', {
  id: 'getPicture',
  summary: 'Get the picture of an alert: the first key frame of its video',
  description: 'At most 640 pixels wide and high. `picture` of the alert says whether there is one.',
  scope: 'read',
  params: { path: alertPath },
  validates: invalidPath,
  responses: fileResponses('The picture', 'image/webp'),
  problems: ['not-found', 'picture-not-available', 'range-not-satisfiable', 'media-unavailable'],
});

const createLink = operation('post', '/alerts/{uuid}/links', 'Alerts', {
  id: 'createLink',
  summary: 'Create a link to the picture or the copy that needs no key',
  description:
    'It expires after at most 24 hours, and can be created before the file is ready. For the file itself, everyone who has the ' +
    'link has the access of this key.',
  scope: 'read',
  params: { path: alertPath },
  body: { schema: newLinkSchema, examples: { picture: { of: 'picture', expires_in: 3600 } } },
  validates: { subject: 'link', schema: newLinkSchema, invalid: { of: 'video', expires_in: 10 } },
  responses: { 201: json('The link', linkSchema, { link: LINK }) },
  problems: ['not-found', 'links-unavailable'],
});

const revokeLinks = operation('delete', '/alerts/{uuid}/links', 'Alerts', {
  id: 'revokeLinks',
  summary: 'Make all links of an alert invalid',
  description: 'Also those in messages that were sent. A CDN can have the file until the link expires.',
  scope: 'operate',
  params: { path: alertPath },
  validates: invalidPath,
  responses: { 204: { description: 'They are invalid', headers: headers() } },
  problems: ['not-found'],
});

const linkPath = z.strictObject({ uuid: alertPath.shape.uuid });

const pictureByLink = operation('get', '/media/picture/{uuid}', 'Alerts', {
  id: 'getPictureByLink',
  summary: 'Get a picture by a signed link',
  params: { path: linkPath, query: linkQuerySchema },
  responses: fileResponses('The picture, which caches may keep until the link expires', 'image/webp'),
  problems: [
    ...(['link-invalid', 'link-expired', 'picture-not-available'] as const),
    ...(['range-not-satisfiable', 'media-unavailable', 'unavailable'] as const),
  ],
});

const copyByLink = operation('get', '/media/copy/{uuid}', 'Alerts', {
  id: 'getCopyByLink',
  summary: 'Get a playable copy by a signed link',
  params: { path: linkPath, query: linkQuerySchema },
  responses: fileResponses('The copy, which caches may keep until the link expires', 'video/mp4'),
  problems: [
    ...(['link-invalid', 'link-expired', 'copy-not-available'] as const),
    ...(['range-not-satisfiable', 'media-unavailable', 'unavailable'] as const),
  ],
});

export const mediaPaths: ZodOpenApiPathsObject = {
  '/alerts/{uuid}/picture': { get: picture },
  '/alerts/{uuid}/links': { post: createLink, delete: revokeLinks },
  '/media/picture/{uuid}': { get: pictureByLink },
  '/media/copy/{uuid}': { get: copyByLink },
};
