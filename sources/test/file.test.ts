import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { certificate } from '#test/harness/video-server.ts';
import { readSourceNames, readSources } from '../file.ts';
import { storeMapping } from '../stores.ts';

const folder = mkdtempSync(join(tmpdir(), 'sources-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function errorOf(text: string): string[] {
  try {
    readSources(write('invalid.yaml', text));
  } catch (error) {
    return (error as Error).message.replaceAll('SOURCES_FILE: ', '').split('\n').slice(1);
  }
  throw new Error('the file was accepted');
}

describe('the file of sources', () => {
  it('is YAML, with credentials from files next to it', () => {
    write('password', 's3cret pass\n');
    write('token', 'abc.def-123==\n');
    const file = write(
      'sources.yaml',
      `
      sources:
        store-42: { kind: http, url: 'https://videos.store-42.example/archive/', username: reader, password_file: password,
          headers: { X-Tenant: '42' }, ca_file: '${certificate}', cert_file: '${certificate}', key_file: '${certificate}' }
        berlin: { kind: http, url: 'http://10.0.0.7:8080', bearer_file: '${folder}/token' }
      stores: { 'Store 42': store-42, 'berlin-*': berlin }`,
    );
    const { byName, ofStore } = readSources(file);
    const basic = `Basic ${Buffer.from('reader:s3cret pass').toString('base64')}`;
    expect(byName.get('store-42')).toMatchObject({
      ...{ kind: 'http', url: 'https://videos.store-42.example/archive', authorization: basic },
      ...{ headers: { 'X-Tenant': '42' }, tls: { ca: expect.stringContaining('BEGIN'), cert: expect.any(String) } },
    });
    expect(byName.get('berlin')).toMatchObject({ url: 'http://10.0.0.7:8080', authorization: 'Bearer abc.def-123==' });
    expect([ofStore('Store 42'), ofStore('berlin-mitte'), ofStore('hamburg')]).toEqual([
      'store-42',
      'berlin',
      undefined,
    ]);
  });

  it('is JSON', () => {
    const settings = { sources: { a: { kind: 'http', url: 'http://a.example' } }, stores: { s: 'a' } };
    const { byName, ofStore } = readSources(write('sources.json', JSON.stringify(settings)));
    expect([...byName.keys()]).toEqual(['a']);
    expect(ofStore('s')).toBe('a');
  });

  it('gives the api the names without the files of credentials', () => {
    const file = write('names.yaml', 'sources: { a: { kind: http, url: "http://a.example", bearer_file: missing } }');
    expect(readSourceNames(file).names).toEqual(['a']);
    expect(() => readSources(file)).toThrow('SOURCES_FILE: line 1: sources.a.bearer_file: cannot read missing');
  });

  it('reports all errors at once, with their lines', () => {
    expect(
      errorOf(`sources:
  Upper: { kind: http, url: http://a.example }
  default: { kind: http, url: http://a.example }
  user: { kind: http, url: 'http://u:p@a.example' }
  half: { kind: http, url: http://a.example, username: me }
  both: { kind: http, url: http://a.example, username: me, password_file: p, bearer_file: b }
  plain: { kind: http, url: http://a.example, ca_file: ca }
  header: { kind: http, url: http://a.example, headers: { Authorization: x } }
  bucket: { kind: s3, endpoint: http://minio, region: us-east-1, bucket: videos, credentials: none, ca_file: ca }
  google: { kind: gcs, endpoint: http://gcs, bucket: videos, access_id_file: id, secret_file: secret, ca_file: ca }
  typo: { kind: http, uri: http://a.example }
  ftp: { kind: ftp, url: ftp://a.example }
`),
    ).toEqual([
      '  line 2: sources.Upper: must be 1 to 64 characters of a-z, 0-9 and -',
      '  line 3: sources.default: is the name of VIDEO_SERVER; choose another one',
      '  line 4: sources.user.url: must have no user, password, query or fragment',
      '  line 5: sources.half.password_file: username and password_file need each other',
      '  line 6: sources.both.bearer_file: cannot be combined with username',
      '  line 7: sources.plain.ca_file: needs a URL with https',
      '  line 8: sources.header.headers.Authorization: cannot be set; credentials have settings of their own',
      '  line 9: sources.bucket.ca_file: needs an endpoint with https',
      '  line 10: sources.google.ca_file: needs an endpoint with https',
      '  line 11: sources.typo.url: must be a URL such as https://videos.example.com/archive',
      '  line 11: sources.typo.uri: is unknown',
      '  line 12: sources.ftp.kind: must be http, s3 or gcs',
    ]);
  });

  it('reports unreadable, empty and invalid files of credentials without their content', () => {
    write('empty', '\n');
    write('lines', 'one\ntwo');
    write('broken', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----');
    const errors = errorOf(`sources:
  a: { kind: http, url: 'https://a.example', username: me, password_file: empty, ca_file: lines }
  b: { kind: http, url: 'https://b.example', bearer_file: lines, cert_file: lines, key_file: lines }
  c: { kind: s3, region: us-east-1, bucket: videos, credentials: none, ca_file: broken }`);
    expect(errors).toEqual([
      '  line 2: sources.a.password_file: empty is empty',
      '  line 2: sources.a.ca_file: does not contain certificates in PEM',
      '  line 3: sources.b.bearer_file: does not contain a bearer token',
      '  line 3: sources.b.key_file: cert_file and key_file do not contain a certificate and its key in PEM',
      '  line 4: sources.c.ca_file: does not contain certificates in PEM',
    ]);
  });

  it.each([
    ['a store without its source', 'sources: {}\nstores:\n  s: gone', '  line 3: stores.s: there is no source gone'],
    [
      'a name twice',
      'sources:\n  a: { kind: http, url: "http://a" }\n  a: { kind: http, url: "http://b" }',
      'Map keys must be unique',
    ],
    ['a list', '- a', '  line 1: Invalid input: expected object, received array'],
    ['nothing', '', '  line 1: Invalid input: expected object, received null'],
    ['broken YAML', 'sources: {', 'line 1'],
  ])('rejects %s', (_name, text, error) => {
    expect(errorOf(text).join('\n')).toContain(error);
  });

  it('must exist', () => {
    expect(() => readSources('/nowhere.yaml')).toThrow('SOURCES_FILE: cannot read /nowhere.yaml');
  });
});

describe('patterns of stores', () => {
  it.each([
    ['berlin-*', 'berlin-', true],
    ['berlin-*', 'berlin', false],
    ['*-mitte', 'berlin-mitte', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'ac', false],
    ['ab*ba', 'aba', false],
    ['*', 'any', true],
    ['a.c*', 'abc', false],
  ])('%s and %s: %s', (pattern, store, matches) => {
    expect(storeMapping({ [pattern]: 'x' })(store)).toBe(matches ? 'x' : undefined);
  });

  it('prefers the exact name, then the first pattern', () => {
    const ofStore = storeMapping({ '*': 'all', 'a*': 'second', ab: 'exact' });
    expect([ofStore('ab'), ofStore('ac')]).toEqual(['exact', 'all']);
  });
});
