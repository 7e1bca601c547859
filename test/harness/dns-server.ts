import { createSocket } from 'node:dgram';
import { SocketAddress } from 'node:net';

/** Addresses of a name, IPv4 and IPv6 mixed; or the name that it is an alias of. */
export type DnsAnswer = string[] | { cname: string };

export type DnsServer = AsyncDisposable & {
  port: number;
  /** Names that were looked up, once per query: a lookup makes two, for A and AAAA. */
  queries: string[];
  /** From now on. With several answers, each query of a type gets the next one, and the last one stays. */
  set(name: string, ...answers: DnsAnswer[]): void;
};

const TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const;
const MAX_ALIASES = 5;

/** Starts a name server on UDP, 127.0.0.1. Its records expire at once; unknown names do not exist. */
export async function startDnsServer(port = 0): Promise<DnsServer> {
  const records = new Map<string, { answers: DnsAnswer[]; next: Map<number, number> }>();
  const queries: string[] = [];
  const answerOf = (name: string, type: number): DnsAnswer | undefined => {
    const record = records.get(name);
    if (!record) return undefined;
    const index = record.next.get(type) ?? 0;
    record.next.set(type, index + 1);
    return record.answers[Math.min(index, record.answers.length - 1)];
  };
  const socket = createSocket('udp4');
  socket.on('message', (query, sender) => {
    const { name, type, end } = questionOf(query);
    queries.push(name);
    socket.send(response(query, end, resolve(name, type, answerOf)), sender.port, sender.address);
  });
  await new Promise<void>((done, reject) => socket.once('error', reject).bind(port, '127.0.0.1', done));
  return {
    port: socket.address().port,
    queries,
    set: (name, ...answers) => void records.set(name, { answers, next: new Map() }),
    [Symbol.asyncDispose]: () => new Promise((done) => socket.close(() => done())),
  };
}

type DnsRecord = { name: string; type: number; data: Buffer };

/** Returns the records for a question, aliases included; undefined if the name does not exist. */
function resolve(
  name: string,
  type: number,
  answerOf: (name: string, type: number) => DnsAnswer | undefined,
): DnsRecord[] | undefined {
  const found: DnsRecord[] = [];
  for (let alias = name, count = 0; count < MAX_ALIASES; count += 1) {
    const answer = answerOf(alias, type);
    if (!answer) return undefined;
    if (Array.isArray(answer)) {
      const family = type === TYPES.AAAA ? 'ipv6' : 'ipv4';
      const addresses = answer.filter((each) => (family === 'ipv6') === each.includes(':'));
      const wanted = type === TYPES.A || type === TYPES.AAAA ? addresses : [];
      return [...found, ...wanted.map((each) => ({ name: alias, type, data: addressBytes(each) }))];
    }
    found.push({ name: alias, type: TYPES.CNAME, data: nameBytes(answer.cname) });
    alias = answer.cname;
  }
  return found;
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let position = 12;
  for (let length = query.readUInt8(position); length > 0; length = query.readUInt8(position)) {
    labels.push(query.toString('latin1', position + 1, position + 1 + length));
    position += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(position + 1), end: position + 5 };
}

/** RFC 1035, 4.1. */
function response(query: Buffer, end: number, records: DnsRecord[] | undefined): Buffer {
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(records ? 0x8580 : 0x8583, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records?.length ?? 0, 6);
  const answers = (records ?? []).map(({ name, type, data }) => {
    const fields = Buffer.alloc(10); // type, class, time to live 0, length
    fields.writeUInt16BE(type, 0);
    fields.writeUInt16BE(1, 2);
    fields.writeUInt16BE(data.length, 8);
    return Buffer.concat([nameBytes(name), fields, data]);
  });
  return Buffer.concat([header, query.subarray(12, end), ...answers]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

/** Of an IPv6 address without an IPv4 address at its end. */
function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const normal = new SocketAddress({ address, family: 'ipv6' }).address;
  const [head = '', tail] = normal.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((each) => Number.parseInt(each, 16)));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((each) => [each >> 8, each & 0xff]));
}
