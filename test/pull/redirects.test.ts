import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pullModel } from '../../lib/index.js';
import { redirect, serveFile, type TestServer } from './server.js';
import { data, once, source, twoServers } from './two-servers.js';

const { temp, server, elsewhere } = twoServers();

describe('redirects', () => {
  test('in a circle end', async () => {
    server().handler = redirect('/again');
    await expect(pullModel(source, once)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('at most 10 redirects'),
    });
    expect(server().requests.length).toBe(11);
  });

  test.each(['file:///etc/passwd', 'http://'])('to %s are refused', async (to) => {
    server().handler = redirect(to);
    await expect(pullModel(source, once)).rejects.toMatchObject({
      message: expect.stringContaining('to redirect to an http or https address'),
    });
  });

  test('take the token to the hub only', async () => {
    mkdirSync(temp('home'), { recursive: true });
    writeFileSync(temp('home/token'), 'hf_file\n');
    server().handler = (request, response) =>
      (request.url === '/moved' ? redirect(`${elsewhere().origin}/blob`) : redirect('/moved'))(
        request,
        response,
      );
    elsewhere().handler = serveFile(data);
    await pullModel(source);
    const sent = ({ requests }: TestServer) => requests.map(({ headers }) => headers.authorization);
    expect(sent(server())).toEqual(['Bearer hf_file', 'Bearer hf_file']);
    expect(sent(elsewhere())).toEqual([undefined]);
    process.env.HF_TOKEN = 'hf_variable';
    await pullModel(`${elsewhere().origin}/m.gguf`);
    await pullModel(source, { force: true });
    expect(sent(server()).at(-1)).toBe('Bearer hf_variable');
    expect(sent(elsewhere())).toEqual([undefined, undefined, undefined]);
  });
});
