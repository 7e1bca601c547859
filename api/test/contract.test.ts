import { describe, expect, it } from 'vitest';
import { ACCEPTED, PROCESSED, REQUEST_ID, STREAM, UUID } from '../openapi/examples.ts';
import { type Answer, faultsOf } from './contract.ts';

// The judge of all other tests' answers is judged here: it must see each way in which an answer can be wrong.
const JSON_TYPE = 'application/json; charset=utf-8';
const OK: Answer = {
  method: 'POST',
  url: '/alerts',
  status: 202,
  headers: {
    'content-type': JSON_TYPE,
    'x-request-id': REQUEST_ID,
    location: `/alerts/${UUID}`,
    'retry-after': '1',
    etag: '"x"',
  },
  body: JSON.stringify(ACCEPTED),
};
const NOT_FOUND: Answer = {
  method: 'GET',
  url: `/alerts/${UUID}?x=1`,
  status: 404,
  headers: { 'content-type': 'application/problem+json; charset=utf-8', 'x-request-id': REQUEST_ID },
  body: JSON.stringify({
    type: '/problems/not-found',
    title: 'Not found',
    status: 404,
    detail: 'No alert has this uuid.',
    instance: `/alerts/${UUID}`,
    request_id: REQUEST_ID,
  }),
};
const EVENTS: Answer = {
  method: 'GET',
  url: '/alerts/events',
  status: 200,
  headers: {
    'content-type': 'text/event-stream; charset=utf-8',
    'x-request-id': REQUEST_ID,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  },
  body: STREAM,
};
const WRONG_METHOD: Answer = {
  ...NOT_FOUND,
  method: 'PUT',
  url: '/alerts',
  status: 405,
  headers: { ...NOT_FOUND.headers, allow: 'HEAD, GET, POST' },
  body: NOT_FOUND.body
    .replace('not-found', 'method-not-allowed')
    .replace('Not found', 'The method is not allowed here')
    .replace(`/alerts/${UUID}`, '/alerts')
    .replace('404', '405'),
};

const altered = (answer: Answer, change: (body: Record<string, unknown>) => void): Answer => {
  const body = JSON.parse(answer.body);
  change(body);
  return { ...answer, body: JSON.stringify(body) };
};
const headed = (answer: Answer, headers: Record<string, string>) => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
});
const without = (answer: Answer, name: string) => ({
  ...answer,
  headers: Object.fromEntries(Object.entries(answer.headers).filter(([key]) => key !== name)),
});

it.each([
  ['an accepted alert', OK],
  ['a problem', NOT_FOUND],
  ['a stream', EVENTS],
  ['a method that is not there', WRONG_METHOD],
  ['OPTIONS', { ...without(WRONG_METHOD, 'content-type'), method: 'OPTIONS', status: 204, body: '' }],
  ['HEAD', { ...NOT_FOUND, method: 'HEAD', body: '' }],
  [
    'a path that is not there',
    { ...altered(NOT_FOUND, (body) => Object.assign(body, { instance: '/no' })), url: '/no' },
  ],
  ['a page', { ...OK, url: '/queues', status: 200, body: '<html>' }],
])('finds nothing wrong with %s', (_what, answer) => {
  expect(faultsOf(answer)).toEqual([]);
});

describe('finds', () => {
  it.each<[string, Answer, string]>([
    ['a status', { ...OK, status: 201 }, 'status 201 is not documented'],
    ['a success where nothing is', { ...OK, url: '/nowhere', status: 200 }, 'status 200 of no path'],
    ['a content type', headed(OK, { 'content-type': 'text/html' }), 'content type text/html'],
    ['no content type', without(OK, 'content-type'), 'content type undefined'],
    ['a body that is no JSON', { ...OK, body: '{' }, 'body must be object'],
    [
      'a field too many',
      altered(OK, (body) => Object.assign(body, { secret: 1 })),
      'must NOT have additional properties',
    ],
    ['a field missing', altered(OK, (body) => delete body.dispatch), "must have required property 'dispatch'"],
    [
      'a value of another form',
      altered(OK, (body) => Object.assign(body, { received_at: 'now' })),
      'body/received_at must',
    ],
    ['a value not in the list', altered(OK, (body) => Object.assign(body, { status: 'done' })), 'body/status must'],
    ['a header missing', without(OK, 'location'), 'the header location is missing'],
    ['a header of another form', headed(OK, { 'retry-after': 'soon' }), 'the header retry-after is soon'],
    ['a header not documented', headed(OK, { 'x-inside': '1' }), 'the header x-inside is not documented'],
    [
      'a body with 304',
      { ...headed(without(NOT_FOUND, 'content-type'), { etag: '"x"', 'cache-control': 'x' }), status: 304 },
      'has a body',
    ],
    [
      'a problem of another status',
      altered(NOT_FOUND, (body) => Object.assign(body, { status: 400 })),
      'the problem’s status',
    ],
    [
      'a problem of another kind',
      altered(NOT_FOUND, (body) => Object.assign(body, { type: '/problems/bad-cursor' })),
      'body/type must',
    ],
    [
      'a problem without a title',
      altered(NOT_FOUND, (body) => delete body.title),
      "must have required property 'title'",
    ],
    [
      'a problem of another request',
      headed(NOT_FOUND, { 'x-request-id': 'other' }),
      'the problem has another request_id',
    ],
    ['a problem of another path', { ...NOT_FOUND, url: `/alerts/${REQUEST_ID}` }, 'instance'],
    ['an error on a page', { ...OK, url: '/queues', status: 500, body: '' }, 'status 500'],
    ['405 without Allow', without(WRONG_METHOD, 'allow'), 'Allow is undefined'],
    ['405 with another Allow', headed(WRONG_METHOD, { allow: 'GET' }), 'Allow is GET'],
    ['a method that should not be there', { ...WRONG_METHOD, status: 200 }, 'status 200'],
    [
      'an event under another name',
      { ...EVENTS, body: STREAM.replace('event: alert.processed', 'event: alert.failed') },
      'the event alert.failed',
    ],
    ['an event without id', { ...EVENTS, body: STREAM.replace('id: 1211.7\nevent', 'event') }, 'the event has no id'],
    [
      'an event with half an alert',
      { ...EVENTS, body: STREAM.replace(`"uuid":"${PROCESSED.uuid}",`, '') },
      "must have required property 'uuid'",
    ],
  ])('%s', (_what, answer, fault) => {
    expect(faultsOf(answer).join('\n')).toContain(fault.replace('’', "'"));
  });
});
