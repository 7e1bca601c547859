import { expect, it } from 'vitest';
import { readApiConfig } from '../config.ts';
import { json, newAlert, startTestApi } from './test-api.ts';

const required = { DATABASE_URL: 'postgres://user@127.0.0.1/db' };
const extensionsOf = (VIDEO_EXTENSIONS?: string) => readApiConfig({ ...required, VIDEO_EXTENSIONS }).VIDEO_EXTENSIONS;

it('VIDEO_EXTENSIONS lists the five containers by default', () => {
  expect(extensionsOf()).toEqual(['mp4', 'avi', 'mov', 'mkv', 'webm']);
});

it('VIDEO_EXTENSIONS accepts dots, spaces and any case', () => {
  expect(extensionsOf('.MP4, ts,.3gp')).toEqual(['mp4', 'ts', '3gp']);
});

it.each(['exe', 'mp4,', 'mp4;ts', '*'])('VIDEO_EXTENSIONS=%s is rejected', (text) => {
  expect(() => extensionsOf(text)).toThrow('must be comma-separated extensions: mp4, avi');
});

it('a path must end in one of the extensions, also in a batch', async () => {
  const api = await startTestApi({ videoExtensions: ['mp4', 'ts'] });
  try {
    for (const video of ['/a.mp4', '/a.TS']) expect((await api.post(newAlert({ video }))).status).toBe(202);
    for (const video of ['/a.avi', '/a.t\u017f', '/ats', '/a.ts/b', '/a.mp4.exe']) {
      const response = await api.post(newAlert({ video }));
      expect(response.status).toBe(422);
      expect(await json(response)).toMatchObject({
        errors: [
          { pointer: '#/video', code: 'extension', detail: expect.stringMatching(/must end in \.mp4 or \.ts$/) },
        ],
      });
    }
    const batch = await fetch(`${api.url}/alerts/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ alerts: [newAlert({ video: '/a.ts' }), newAlert({ video: '/a.avi' })] }),
    });
    expect(await json(batch)).toMatchObject({ results: [{ status: 202 }, { status: 422 }] });
  } finally {
    await api.close();
  }
});

it('without VIDEO_EXTENSIONS, the error names the five', async () => {
  const api = await startTestApi();
  try {
    const response = await api.post(newAlert({ video: '/a.ts' }));
    expect(await json(response)).toMatchObject({
      errors: [{ detail: expect.stringMatching(/must end in \.mp4, \.avi, \.mov, \.mkv or \.webm$/) }],
    });
  } finally {
    await api.close();
  }
});
