import { describe, expect, test } from 'vitest';
import { listModels, pullModel } from '../../lib/index.js';
import { answer, serveFile } from './server.js';
import { data, once, source, twoServers } from './two-servers.js';

const { server, elsewhere } = twoServers();

describe('a refusal', () => {
  test('404 names the files there are', async () => {
    server().handler = (request, response) =>
      request.url!.startsWith('/api/')
        ? response.end(
            JSON.stringify({ siblings: [{ rfilename: 'other.gguf' }, { rfilename: 'x' }] }),
          )
        : answer(404)(request, response);
    await expect(pullModel(source)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      status: 404,
      message:
        'Expected owner/repo to have the file "model.gguf", but there is none; choose "other.gguf".',
    });
    elsewhere().handler = answer(404);
    const address = `${elsewhere().origin}/x.gguf`;
    await expect(pullModel(`${address}?signature=secret`)).rejects.toMatchObject({
      message: `Expected a file at ${address}, but there is none (the server answered 404); check the spelling.`,
    });
  });

  test.each([401, 403])('%d says how to get a token', async (status) => {
    server().handler = answer(status);
    await expect(pullModel(source)).rejects.toMatchObject({
      status,
      message: expect.stringMatching(
        /accept its conditions on .*\/owner\/repo, make a token on .*\/settings\/tokens and set HF_TOKEN/,
      ),
    });
    process.env.HF_TOKEN = 'hf_secret';
    const error = await pullModel('owner/repo').catch((reason) => reason);
    expect(error.message).toContain('the token that was sent does not open it');
    expect(error.message).not.toContain('hf_secret');
  });

  test('503 is tried again, after the pause the server asks for', async () => {
    server().handler = (request, response) =>
      (server().requests.length === 1 ? answer(503, { 'retry-after': '2' }) : serveFile(data))(
        request,
        response,
      );
    const notices: string[] = [];
    await pullModel(source, { onNotice: (text) => notices.push(text) });
    expect(notices).toEqual([expect.stringContaining('Trying again in 2 s')]);
  });

  test('a port that nobody listens on', async () => {
    await expect(pullModel('http://127.0.0.1:1/x.gguf', once)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('it refuses the connection'),
    });
    expect(await listModels()).toEqual([]);
  });
});
