import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Http } from '../../lib/pull/http.js';
import { pullEnvironment } from './environment.js';

pullEnvironment();
// What undici's body keeps before it pauses the parser: then no byte is left behind in the socket.
const body = Buffer.alloc(64 * 1024, 'x');

/** A server that closes after each answer; through a proxy or not. */
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (request) => {
    const length = /\/length/.test(request.toString()) ? `Content-Length: ${body.length}\r\n` : '';
    const cut = /\/cut/.test(request.toString()) ? `Content-Length: ${body.length + 1}\r\n` : '';
    socket.write(`HTTP/1.0 200 OK\r\n${length}${cut}\r\n`);
    socket.end(body);
    if (/\/reset/.test(request.toString())) setTimeout(() => socket.resetAndDestroy(), 50);
  });
});
server.listen(0, '127.0.0.1');
afterAll(() => server.close());
const origin = async () => {
  if (!server.listening) await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** The bytes of an answer whose reader begins when the server has long gone. */
async function late(url: string): Promise<number> {
  const http = await Http.open({ endpoint: await origin(), token: undefined, stallTimeout: 5000 });
  try {
    const answer = await http.get(url, { signal: undefined });
    await sleep(200);
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) bytes += chunk.length;
    return bytes;
  } finally {
    await http.close();
  }
}

test.each(['length', 'none'])(
  'an answer is read to its end after the server has closed: %s',
  async (path) => {
    expect(await late(`${await origin()}/${path}`)).toBe(body.length);
    process.env.HTTP_PROXY = await origin();
    expect(await late(`http://elsewhere.example/${path}`)).toBe(body.length);
  },
);

test('a connection that breaks while nobody reads ends in an error or an end, never the process', async () => {
  await late(`${await origin()}/reset`).catch((error) => expect(error.code).toBe('ECONNRESET'));
});

test('an answer that was cut is still an error', async () => {
  await expect(late(`${await origin()}/cut`)).rejects.toThrow();
});
