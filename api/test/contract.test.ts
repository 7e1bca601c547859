import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../http/problem.ts';
import { ACCEPTED, EVENT_STREAM, PROCESSED, REQUEST_ID, UUID } from '../openapi/examples.ts';
import { contractErrors, type RecordedResponse } from './contract.ts';

// The check that all other tests rely on finds each way in which a response can be wrong.
const JSON_TYPE = 'application/json; charset=utf-8';
const OK: RecordedResponse = {
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
const NOT_FOUND: RecordedResponse = {
  method: 'GET',
  url: `/alerts/${UUID}?x=1`,
  status: 404,
  headers: { 'content-type': 'application/problem+json; charset=utf-8', 'x-request-id': REQUEST_ID },
  body: JSON.stringify({
    type: '/problems/not-found',
    title: PROBLEMS['not-found'][1],
    status: 404,
    detail: 'No alert has this uuid.',
    instance: `/alerts/${UUID}`,
    request_id: REQUEST_ID,
  }),
};
const EVENTS: RecordedResponse = {
  method: 'GET',
  url: '/alerts/events',
  status: 200,
  headers: {
    'content-type': 'text/event-stream; charset=utf-8',
    'x-request-id': REQUEST_ID,
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  },
  body: EVENT_STREAM,
};
const WRONG_METHOD: RecordedResponse = {
  ...NOT_FOUND,
  method: 'PUT',
  url: '/alerts',
  status: 405,
  headers: { ...NOT_FOUND.headers, allow: 'HEAD, GET, POST' },
  body: NOT_FOUND.body
    .replace('not-found', 'method-not-allowed')
    .replace(PROBLEMS['not-found'][1], PROBLEMS['method-not-allowed'][1])
    .replace(`/alerts/${UUID}`, '/alerts')
    .replace('404', '405'),
};

const withBody = (response: RecordedResponse, change: (body: Record<string, unknown>) => void): RecordedResponse => {
  const body = JSON.parse(response.body);
  change(body);
  return { ...response, body: JSON.stringify(body) };
};
const withHeaders = (response: RecordedResponse, headers: Record<string, string>) => ({
  ...response,
  headers: { ...response.headers, ...headers },
});
const without = (response: RecordedResponse, name: string) => ({
  ...response,
  headers: Object.fromEntries(Object.entries(response.headers).filter(([key]) => key !== name)),
});

it.each([
  ['an accepted alert', OK],
  ['a problem', NOT_FOUND],
  ['a stream', EVENTS],
  ['a method that is not supported', WRONG_METHOD],
  ['OPTIONS', { ...without(WRONG_METHOD, 'content-type'), method: 'OPTIONS', status: 204, body: '' }],
  ['HEAD', { ...NOT_FOUND, method: 'HEAD', body: '' }],
  ['an unknown path', { ...withBody(NOT_FOUND, (body) => Object.assign(body, { instance: '/no' })), url: '/no' }],
  ['a page', { ...OK, url: '/queues', status: 200, body: '<html>' }],
])('accepts %s', (_what, response) => {
  expect(contractErrors(response)).toEqual([]);
});

describe('rejects', () => {
  it.each<[string, RecordedResponse, string]>([
    ['an undocumented status', { ...OK, status: 201 }, 'status 201 is not documented'],
    ['success on an unknown path', { ...OK, url: '/nowhere', status: 200 }, 'status 200 of no path'],
    ['another content type', withHeaders(OK, { 'content-type': 'text/html' }), 'content type text/html'],
    ['no content type', without(OK, 'content-type'), 'content type undefined'],
    ['a body that is not JSON', { ...OK, body: '{' }, 'body must be object'],
    [
      'an unknown field',
      withBody(OK, (body) => Object.assign(body, { secret: 1 })),
      'must NOT have additional properties',
    ],
    ['a missing field', withBody(OK, (body) => delete body.dispatch), "must have required property 'dispatch'"],
    [
      'a value in another format',
      withBody(OK, (body) => Object.assign(body, { received_at: 'now' })),
      'body/received_at must',
    ],
    ['an unknown enum value', withBody(OK, (body) => Object.assign(body, { status: 'done' })), 'body/status must'],
    ['a missing header', without(OK, 'location'), 'the header location is missing'],
    ['a header in another format', withHeaders(OK, { 'retry-after': 'soon' }), 'the header retry-after is soon'],
    ['an undocumented header', withHeaders(OK, { 'x-inside': '1' }), 'the header x-inside is not documented'],
    [
      'a body with 304',
      { ...withHeaders(without(NOT_FOUND, 'content-type'), { etag: '"x"', 'cache-control': 'x' }), status: 304 },
      'has a body',
    ],
    [
      'a problem with another status',
      withBody(NOT_FOUND, (body) => Object.assign(body, { status: 400 })),
      'the problem’s status',
    ],
    [
      'a problem of another kind',
      withBody(NOT_FOUND, (body) => Object.assign(body, { type: '/problems/bad-cursor' })),
      'body/type must',
    ],
    [
      'a problem without a title',
      withBody(NOT_FOUND, (body) => delete body.title),
      "must have required property 'title'",
    ],
    [
      'a problem of another request',
      withHeaders(NOT_FOUND, { 'x-request-id': 'other' }),
      'the problem has another request_id',
    ],
    ['a problem of another path', { ...NOT_FOUND, url: `/alerts/${REQUEST_ID}` }, 'instance'],
    ['an error on a page', { ...OK, url: '/queues', status: 500, body: '' }, 'status 500'],
    ['405 without Allow', without(WRONG_METHOD, 'allow'), 'Allow is undefined'],
    ['405 with another Allow', withHeaders(WRONG_METHOD, { allow: 'GET' }), 'Allow is GET'],
    ['success of an unsupported method', { ...WRONG_METHOD, status: 200 }, 'status 200'],
    [
      'an event with another name',
      { ...EVENTS, body: EVENT_STREAM.replace('event: alert.processed', 'event: alert.failed') },
      'the event alert.failed',
    ],
    [
      'an event without an id',
      { ...EVENTS, body: EVENT_STREAM.replace('id: 1211.7\nevent', 'event') },
      'the event has no id',
    ],
    [
      'an event with an incomplete alert',
      { ...EVENTS, body: EVENT_STREAM.replace(`"uuid":"${PROCESSED.uuid}",`, '') },
      "must have required property 'uuid'",
    ],
  ])('%s', (_what, response, error) => {
    expect(contractErrors(response).join('\n')).toContain(error.replace('’', "'"));
  });
});
