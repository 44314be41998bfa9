import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll } from 'vitest';

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface TestServer {
  readonly origin: string;
  /** What was asked for, in order. */
  readonly requests: { url: string; headers: IncomingHttpHeaders }[];
  /** Who answers from now on. */
  handler: Handler;
  /** Breaks all connections. */
  readonly cut: () => void;
}

/** A server on this machine until the end of the tests of the calling file. */
export async function testServer(handler: Handler = notFound): Promise<TestServer> {
  const requests: TestServer['requests'] = [];
  const server = createServer((incoming, response) => {
    requests.push({ url: incoming.url!, headers: incoming.headers });
    result.handler(incoming, response);
  });
  const cut = () => server.closeAllConnections();
  const result: TestServer = { origin: await listen(server), requests, handler, cut };
  return result;
}

/** A proxy that forwards plain requests and opens tunnels; `seen` has what it was asked for. */
export async function testProxy(): Promise<{ origin: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((incoming, response) => {
    seen.push(`GET ${incoming.url}`);
    const onward = request(incoming.url!, { headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end();
  });
  server.on('connect', ({ url }: IncomingMessage, client) => {
    seen.push(`CONNECT ${url}`);
    const [host, port] = url!.split(':');
    const onward = connect(Number(port), host!, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(client).pipe(onward);
    });
    for (const end of [onward, client]) end.on('error', () => onward.destroy());
  });
  return { origin: await listen(server), seen };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** GGUF files as far as a pull looks into them. */
export function fakeModel(bytes: number, seed = 'a'): Buffer {
  const block = createHash('sha512').update(seed).digest();
  const data = Buffer.alloc(bytes, block);
  data.write('GGUF', 'latin1');
  return data;
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export interface FileBehavior {
  /** @default '"1"' */
  readonly etag?: string | undefined;
  /** False: ranges are ignored. @default true */
  readonly ranges?: boolean;
  /** The connection breaks before the body. */
  readonly breaks?: boolean;
  /** Nothing more comes after so many bytes of the body. */
  readonly stallAfter?: number;
  /** False: no length, so the end of the body is what the connection says. @default true */
  readonly length?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Serves one file. */
export function serveFile(data: Buffer, behavior: FileBehavior = {}): Handler {
  const { ranges = true, breaks, stallAfter, length = true, headers = {} } = behavior;
  const etag = 'etag' in behavior ? behavior.etag : '"1"';
  return ({ headers: { range } }, response) => {
    const asked = ranges ? /^bytes=(\d+)-$/.exec(range ?? '') : null;
    const from = Number(asked?.[1] ?? 0);
    if (from >= data.length) {
      response.writeHead(416, { 'content-range': `bytes */${data.length}` }).end();
      return;
    }
    const body = data.subarray(from);
    response.writeHead(asked ? 206 : 200, {
      ...(etag !== undefined && { etag }),
      ...(length && { 'content-length': body.length }),
      ...(asked && { 'content-range': `bytes ${from}-${data.length - 1}/${data.length}` }),
      ...headers,
    });
    if (breaks) response.write('', () => response.destroy());
    else if (stallAfter !== undefined) response.write(body.subarray(0, stallAfter));
    else response.end(body);
  };
}

export function redirect(to: string, headers: Readonly<Record<string, string>> = {}): Handler {
  return (_, response) => response.writeHead(302, { location: to, ...headers }).end();
}

export function answer(status: number, headers: Readonly<Record<string, string>> = {}): Handler {
  return (_, response) => response.writeHead(status, headers).end('no');
}

function notFound(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404).end();
}
