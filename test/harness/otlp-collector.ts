import { once } from 'node:events';
import { createServer } from 'node:http';

/** One span. Ids in hex, `parent` '' for a root; times in ms since 1970. */
export type CollectedSpan = {
  service: string;
  name: string;
  trace: string;
  id: string;
  parent: string;
  start: number;
  end: number;
  failed: boolean;
};

export type Collector = { endpoint: string; spans: CollectedSpan[]; close(): Promise<void> };

/** Starts a collector that accepts traces by OTLP over HTTP. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.url === '/v1/traces') spans.push(...spansOf(Buffer.concat(chunks)));
    response.writeHead(request.url === '/v1/traces' ? 200 : 404).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    spans,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Fields = Map<number, (Buffer | bigint)[]>;

/** Decodes a Protocol Buffers message: its fields by number. Nested messages and strings are bytes. */
function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let offset = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(offset++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const slice = (length: number): Buffer => {
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  while (offset < bytes.length) {
    const tag = Number(varint());
    const kind = tag & 7;
    const value = kind === 0 ? varint() : slice(kind === 1 ? 8 : kind === 5 ? 4 : Number(varint()));
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Fields, number: number): Fields[] =>
  (fields.get(number) ?? []).flatMap((value) => (typeof value === 'bigint' ? [] : [fieldsOf(value)]));

function bytesOf(fields: Fields, number: number): Buffer {
  const value = fields.get(number)?.[0];
  return typeof value === 'object' ? value : Buffer.alloc(8);
}

/** opentelemetry/proto/trace/v1: resource_spans 1, scope_spans 2, spans 2. */
function spansOf(request: Buffer): CollectedSpan[] {
  return messages(fieldsOf(request), 1).flatMap((resource) => {
    const attributes = messages(resource, 1).flatMap((attributeList) => messages(attributeList, 1));
    const named = attributes.find((attribute) => bytesOf(attribute, 1).toString() === 'service.name');
    const service = named ? messages(named, 2).map((value) => bytesOf(value, 1).toString())[0] : '';
    return messages(resource, 2)
      .flatMap((scope) => messages(scope, 2))
      .map((span) => ({
        service: service ?? '',
        name: bytesOf(span, 5).toString(),
        trace: bytesOf(span, 1).toString('hex'),
        id: bytesOf(span, 2).toString('hex'),
        parent: span.has(4) ? bytesOf(span, 4).toString('hex') : '',
        start: Number(bytesOf(span, 7).readBigUInt64LE()) / 1e6,
        end: Number(bytesOf(span, 8).readBigUInt64LE()) / 1e6,
        failed: messages(span, 15).some((status) => status.get(3)?.[0] === 2n),
      }));
  });
}

/** Formats a trace: one line for each span, indented under its parent. */
export function formatTrace(spans: CollectedSpan[]): string {
  const first = Math.min(...spans.map(({ start }) => start));
  const ids = new Set(spans.map(({ id }) => id));
  const lines: string[] = [];
  const add = (span: CollectedSpan, depth: number) => {
    const service = span.service.replace('video-alerts-', '');
    const duration = (span.end - span.start).toFixed(1);
    const start = (span.start - first).toFixed(0);
    const name = `${'  '.repeat(depth)}${span.name}${span.failed ? ' ✗' : ''}`;
    lines.push(`${name.padEnd(44)} ${service.padEnd(6)} at ${start.padStart(5)} ms, ${duration.padStart(6)} ms`);
    for (const child of byStart(spans.filter(({ parent }) => parent === span.id))) add(child, depth + 1);
  };
  for (const root of byStart(spans.filter(({ parent }) => !ids.has(parent)))) add(root, 0);
  return `${lines.join('\n')}\n`;
}

const byStart = (spans: CollectedSpan[]): CollectedSpan[] => spans.toSorted((a, b) => a.start - b.start);
