import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { warm } from '#test/harness/test-database.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('a new alert', () => {
  it('is answered with 202, its place and its pending state', async () => {
    const alert = newAlert();
    const answer = await api.post(alert);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/alerts/${alert.uuid}`);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await json(answer)).toEqual({
      ...alert,
      status: 'pending',
      resolution: null,
      width: null,
      height: null,
      rotation: null,
      codec: null,
      container: null,
      duration: null,
      attempts: 0,
      bytes_fetched: 0,
      failure: null,
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      started_at: null,
      processed_at: null,
      notified_at: null,
      links: { self: `/alerts/${alert.uuid}` },
      dispatch: 'queued',
    });
  });

  it('is a committed row and a waiting job that holds its key, store and request id alone', async () => {
    const alert = newAlert();
    await api.post(alert, { 'x-request-id': 'request-7' });
    const row = await api.db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } });
    expect(row).toMatchObject({ status: 'pending', requestId: 'request-7', timestamp: alert.timestamp });
    const job = await api.queue.bull().getJob(alert.uuid);
    expect(job?.data).toEqual({ uuid: alert.uuid, requestId: 'request-7', store: alert.store });
    expect(await job?.getState()).toBe('waiting');
  });

  it('keeps its uuid in lower case', async () => {
    const uuid = randomUUID();
    const answer = await api.post(newAlert({ uuid: uuid.toUpperCase() }));
    expect(await json(answer)).toMatchObject({ uuid });
    expect(answer.headers.get('location')).toBe(`/alerts/${uuid}`);
  });
});

describe('the same uuid again', () => {
  it('with the same content replays the state, without a second job', async () => {
    const alert = newAlert();
    await api.post(alert);
    const jobs = await api.queue.bull().getJobCounts();
    const again = await api.post({ ...alert, uuid: alert.uuid.toUpperCase() });
    expect(again.status).toBe(200);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const body = await json(again);
    expect(body).toMatchObject({ uuid: alert.uuid, status: 'pending' });
    expect(body).not.toHaveProperty('dispatch');
    expect(await api.queue.bull().getJobCounts()).toEqual(jobs);
  });

  it('with other content is refused, naming the fields that differ', async () => {
    const alert = newAlert();
    await api.post(alert);
    const conflict = await api.post({ ...alert, store: 'other-store', timestamp: 1 });
    expect(conflict.status).toBe(409);
    expect(conflict.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await json(conflict)).toMatchObject({
      type: '/problems/alert-conflict',
      status: 409,
      fields: ['timestamp', 'store'],
      existing: `/alerts/${alert.uuid}`,
    });
    expect(await api.db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } })).toMatchObject({
      store: 'test-store',
    });
  });

  it('twenty times at once makes one row and one job', async () => {
    const alert = newAlert();
    const before = (await api.queue.bull().getJobCounts()).waiting ?? 0;
    await warm(api.db, 10);
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.post(alert)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([...Array(19).fill(200), 202]);
    expect(await api.db.alert.count({ where: { uuid: alert.uuid } })).toBe(1);
    expect((await api.queue.bull().getJobCounts()).waiting).toBe(before + 1);
  });
});

describe('a body at fault', () => {
  const faults: [what: string, changes: Record<string, unknown>, pointer: string, code: string][] = [
    ['uuid of another form', { uuid: 'not-a-uuid' }, '#/uuid', 'invalid_format'],
    ['uuid with a wrong variant', { uuid: '35df2857-3a48-4985-1ed0-e68b5ae4c968' }, '#/uuid', 'invalid_format'],
    ['uuid missing', { uuid: undefined }, '#/uuid', 'invalid_type'],
    ['video not a string', { video: 7 }, '#/video', 'invalid_type'],
    ['video empty', { video: '' }, '#/video', 'too_small'],
    ['video too long', { video: `/${'a'.repeat(1021)}.mp4` }, '#/video', 'too_big'],
    ['video of another extension', { video: '/videos/a.txt' }, '#/video', 'extension'],
    ['video with an encoded extension dot', { video: '/videos/a%2emp4' }, '#/video', 'extension'],
    ['video with a host', { video: 'http://evil.test/a.mp4' }, '#/video', 'not_absolute'],
    ['video with user info', { video: '@evil.test:80/a.mp4' }, '#/video', 'not_absolute'],
    ['video with a double slash', { video: '//evil.test/a.mp4' }, '#/video', 'forbidden_character'],
    ['video with a backslash', { video: '/\\evil.test/a.mp4' }, '#/video', 'forbidden_character'],
    ['video with an encoded backslash', { video: '/%5Cevil.test/a.mp4' }, '#/video', 'forbidden_character'],
    ['video with an encoded slash', { video: '/videos%2fa.mp4' }, '#/video', 'forbidden_character'],
    ['video with a query', { video: '/videos/a?.mp4' }, '#/video', 'forbidden_character'],
    ['video with an encoded query', { video: '/videos/a%3f.mp4' }, '#/video', 'forbidden_character'],
    ['video with a fragment', { video: '/videos/a#.mp4' }, '#/video', 'forbidden_character'],
    ['video with dot segments', { video: '/videos/../etc/a.mp4' }, '#/video', 'dot_segment'],
    ['video with encoded dot segments', { video: '/videos/%2E%2e/a.mp4' }, '#/video', 'dot_segment'],
    ['video with a tab', { video: '/videos/a\t.mp4' }, '#/video', 'control_character'],
    ['video with an encoded zero', { video: '/videos/a%00.mp4' }, '#/video', 'forbidden_character'],
    ['video with half an encoding', { video: '/videos/100%.mp4' }, '#/video', 'bad_encoding'],
    ['video with half a character', { video: '/videos/\ud800.mp4' }, '#/video', 'control_character'],
    ['timestamp a string', { timestamp: '1748871320' }, '#/timestamp', 'invalid_type'],
    ['timestamp negative', { timestamp: -1 }, '#/timestamp', 'too_small'],
    ['timestamp two days ahead', { timestamp: Date.now() / 1000 + 172_800 }, '#/timestamp', 'too_far_ahead'],
    ['store empty', { store: '' }, '#/store', 'too_small'],
    ['store too long', { store: 'a'.repeat(129) }, '#/store', 'too_big'],
    ['store with a line break', { store: 'a\nb' }, '#/store', 'control_character'],
    ['a field we do not know', { colour: 'red' }, '#/colour', 'unrecognized_keys'],
  ];

  it.each(faults)('%s: 422 names the field', async (_what, changes, pointer, code) => {
    const alert = newAlert(changes);
    const answer = await api.post(alert);
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = await json(answer);
    expect(problem).toMatchObject({ type: '/problems/validation', status: 422, instance: '/alerts' });
    expect(problem.errors).toEqual([{ pointer, code, detail: expect.any(String) }]);
  });

  it('names every field at fault at once', async () => {
    const answer = await api.post({ uuid: 1, video: 'x', timestamp: 'y', shop: 'z' });
    const { errors } = await json(answer);
    const pointers = errors.map(({ pointer }: { pointer: string }) => pointer).sort();
    expect(pointers).toEqual(['#/shop', '#/store', '#/timestamp', '#/uuid', '#/video']);
  });

  it('is told when the timestamp looks like milliseconds', async () => {
    const answer = await api.post(newAlert({ timestamp: Date.now() }));
    expect((await json(answer)).errors[0].detail).toContain('milliseconds');
  });

  it('does not smuggle a prototype', async () => {
    const answer = await api.post(JSON.stringify(newAlert()).replace('{', '{"__proto__":{"a":1},'));
    expect(answer.status).toBe(422);
  });

  it('stores nothing', async () => {
    const alert = newAlert({ store: '' });
    await api.post(alert);
    expect(await api.db.alert.count({ where: { uuid: alert.uuid } })).toBe(0);
  });
});

describe('good values at the edges', () => {
  it.each([
    ['every extension in any case', { video: '/v/A.MkV' }],
    ['an encoded space and a letter beyond ASCII', { video: '/videos/caf%C3%A9%201.webm' }],
    ['spaces and letters beyond ASCII as they are', { video: '/videos/café 1.mov' }],
    ['the longest path', { video: `/${'a'.repeat(1019)}.mp4` }],
    ['the longest store', { store: 'é'.repeat(128) }],
    ['the first second of 1970', { timestamp: 0 }],
    ['an hour ahead', { timestamp: Date.now() / 1000 + 3600 }],
    ['a uuid of version 7', { uuid: `0198f1c2-7a3b-7c4d-8e5f-${randomUUID().slice(-12)}` }],
  ])('%s is accepted', async (_what, changes) => {
    const alert = newAlert(changes);
    const answer = await api.post(alert);
    expect(answer.status).toBe(202);
    expect(await json(answer)).toMatchObject(alert);
  });
});
