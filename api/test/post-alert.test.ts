import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { warm } from '#test/harness/test-database.ts';
import { json, newAlert, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ sourceNames: ['archive', 'store-42'] });
});
afterAll(() => api.close());

describe('a new alert', () => {
  it('gets 202, its location and its pending status', async () => {
    const alert = newAlert();
    const response = await api.post(alert);
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/alerts/${alert.uuid}`);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await json(response)).toEqual({
      ...alert,
      status: 'pending',
      camera: null,
      source: null,
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
      last_error: null,
      next_attempt_at: null,
      picture: null,
      hold: null,
      triage: null,
      archived: false,
      late: null,
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      round_started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      started_at: null,
      processed_at: null,
      notified_at: null,
      links: { self: `/alerts/${alert.uuid}` },
      dispatch: 'queued',
    });
  });

  it('is a committed row and a waiting job with uuid, store and request id only', async () => {
    const alert = newAlert();
    await api.post(alert, { 'x-request-id': 'request-7' });
    const row = await api.db.alert.findUniqueOrThrow({ where: { uuid: alert.uuid } });
    expect(row).toMatchObject({ status: 'pending', requestId: 'request-7', timestamp: alert.timestamp });
    const job = await api.queue.bull().getJob(alert.uuid);
    expect(job?.data).toEqual({ uuid: alert.uuid, requestId: 'request-7', store: alert.store });
    expect(await job?.getState()).toBe('waiting');
  });

  it('gets its uuid in lower case', async () => {
    const uuid = randomUUID();
    const response = await api.post(newAlert({ uuid: uuid.toUpperCase() }));
    expect(await json(response)).toMatchObject({ uuid });
    expect(response.headers.get('location')).toBe(`/alerts/${uuid}`);
  });
});

describe('the same uuid again', () => {
  it('returns the current alert for the same content, without a second job', async () => {
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

  it('gets 409 for other content, with the fields that differ', async () => {
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

  it('compares the camera', async () => {
    const alert = { ...newAlert(), camera: 'entrance 1' };
    expect(await json(await api.post(alert))).toMatchObject({ camera: 'entrance 1', source: null });
    const again = await api.post(alert);
    expect(again.status).toBe(200);
    expect(await json(again)).toMatchObject({ camera: 'entrance 1' });
    const { camera: _, ...without } = alert;
    for (const other of [{ ...alert, camera: 'exit' }, without]) {
      const conflict = await api.post(other);
      expect(conflict.status).toBe(409);
      expect(await json(conflict)).toMatchObject({ fields: ['camera'] });
    }
  });

  it('creates one row and one job for twenty simultaneous requests', async () => {
    const alert = newAlert();
    const before = (await api.queue.state()).jobs.waiting;
    await warm(api.db, 10);
    const responses = await Promise.all(Array.from({ length: 20 }, () => api.post(alert)));
    expect(responses.map((response) => response.status).sort()).toEqual([...Array(19).fill(200), 202]);
    expect(await api.db.alert.count({ where: { uuid: alert.uuid } })).toBe(1);
    expect((await api.queue.state()).jobs.waiting).toBe(before + 1);
  });
});

describe('the source of the video', () => {
  it('is a name in the file of sources', async () => {
    const alert = { ...newAlert(), source: 'archive' };
    expect(await json(await api.post(alert))).toMatchObject({ source: 'archive', status: 'pending' });
    expect((await api.post(alert)).status).toBe(200);
    const conflict = await api.post({ ...alert, source: 'store-42' });
    expect(await json(conflict)).toMatchObject({ status: 409, fields: ['source'] });
  });

  it('must exist: 422 lists the valid names', async () => {
    const response = await api.post({ ...newAlert(), source: 'unknown' });
    expect(response.status).toBe(422);
    expect(await json(response)).toMatchObject({
      errors: [
        {
          pointer: '#/source',
          code: 'unknown_source',
          detail: 'is not the name of a video source; valid: one of archive, store-42',
        },
      ],
    });
  });
});

describe('an invalid body', () => {
  const invalid: [name: string, changes: Record<string, unknown>, pointer: string, code: string][] = [
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
    ['camera empty', { camera: '' }, '#/camera', 'too_small'],
    ['camera too long', { camera: 'a'.repeat(129) }, '#/camera', 'too_big'],
    ['camera with a line break', { camera: 'a\nb' }, '#/camera', 'control_character'],
    ['source of another form', { source: 'A b' }, '#/source', 'invalid_format'],
    ['an unknown field', { colour: 'red' }, '#/colour', 'unrecognized_keys'],
  ];

  it.each(invalid)('gets 422 with the field: %s', async (_name, changes, pointer, code) => {
    const alert = newAlert(changes);
    const response = await api.post(alert);
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = await json(response);
    expect(problem).toMatchObject({ type: '/problems/validation', status: 422, instance: '/alerts' });
    expect(problem.errors).toEqual([{ pointer, code, detail: expect.any(String) }]);
  });

  it('gets all invalid fields at once', async () => {
    const response = await api.post({ uuid: 1, video: 'x', timestamp: 'y', shop: 'z' });
    const { errors } = await json(response);
    const pointers = errors.map(({ pointer }: { pointer: string }) => pointer).sort();
    expect(pointers).toEqual(['#/shop', '#/store', '#/timestamp', '#/uuid', '#/video']);
  });

  it('gets a hint if the timestamp looks like milliseconds', async () => {
    const response = await api.post(newAlert({ timestamp: Date.now() }));
    expect((await json(response)).errors[0].detail).toContain('milliseconds');
  });

  it('cannot set a prototype', async () => {
    const response = await api.post(JSON.stringify(newAlert()).replace('{', '{"__proto__":{"a":1},'));
    expect(response.status).toBe(422);
  });

  it('is not stored', async () => {
    const alert = newAlert({ store: '' });
    await api.post(alert);
    expect(await api.db.alert.count({ where: { uuid: alert.uuid } })).toBe(0);
  });
});

describe('a valid edge case', () => {
  it.each([
    ['an extension in upper case', { video: '/v/A.MkV' }],
    ['an encoded space and a letter beyond ASCII', { video: '/videos/caf%C3%A9%201.webm' }],
    ['spaces and letters beyond ASCII as they are', { video: '/videos/café 1.mov' }],
    ['the longest path', { video: `/${'a'.repeat(1019)}.mp4` }],
    ['the longest store', { store: 'é'.repeat(128) }],
    ['the first second of 1970', { timestamp: 0 }],
    ['an hour ahead', { timestamp: Date.now() / 1000 + 3600 }],
    ['a uuid of version 7', { uuid: `0198f1c2-7a3b-7c4d-8e5f-${randomUUID().slice(-12)}` }],
  ])('is accepted: %s', async (_name, changes) => {
    const alert = newAlert(changes);
    const response = await api.post(alert);
    expect(response.status).toBe(202);
    expect(await json(response)).toMatchObject(alert);
  });
});
