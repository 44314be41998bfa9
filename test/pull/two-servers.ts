import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, expect } from 'vitest';
import { type PullOptions, pullModel } from '../../lib/index.js';
import { pullEnvironment } from './environment.js';
import { fakeModel, type Handler, type TestServer, testServer } from './server.js';

/** What most tests pull. */
export const source = 'owner/repo/model.gguf';
/** What there is to be sent. */
export const data = fakeModel(300_000);
/** Without a second try. */
export const once: PullOptions = { retries: 0 };

export interface TwoServers {
  /** A path in the folder of the tests, where `cache` and `home` are. */
  readonly temp: (name: string) => string;
  /** The hub. */
  readonly server: () => TestServer;
  readonly elsewhere: () => TestServer;
  /** Where `source` goes. */
  readonly target: () => string;
  /** The file's folder: names, fingerprints left out. */
  readonly left: () => string[];
  /** Breaks the connection when the first 100,000 bytes are written, of those who stall there. */
  readonly cutting: PullOptions;
  /** Lets a first pull fail after some bytes. */
  readonly beginWith: (handler: Handler) => Promise<void>;
}

/**
 * A hub and another server for the tests of the calling file, and a `pullEnvironment` that knows the
 * hub; call it at top level.
 */
export function twoServers(): TwoServers {
  const temp = pullEnvironment();
  let server: TestServer;
  let elsewhere: TestServer;
  beforeAll(async () => {
    server = await testServer();
    elsewhere = await testServer();
  });
  beforeEach(() => {
    server.requests.length = 0;
    elsewhere.requests.length = 0;
    process.env.HF_ENDPOINT = server.origin;
  });

  const target = () => join(temp('cache'), 'models', source);
  const left = () =>
    existsSync(dirname(target()))
      ? readdirSync(dirname(target())).map((name) => name.replace(/\.[\da-f]{16}(?=\.)/, ''))
      : [];
  const cutting: PullOptions = {
    onProgress({ bytes }) {
      if (bytes === 100_000) for (const { cut } of [server, elsewhere]) cut();
    },
  };
  const beginWith = async (handler: Handler) => {
    server.handler = handler;
    await expect(pullModel(source, { ...once, ...cutting })).rejects.toMatchObject({
      resumable: true,
    });
    server.requests.length = 0;
  };
  return {
    temp,
    server: () => server,
    elsewhere: () => elsewhere,
    target,
    left,
    cutting,
    beginWith,
  };
}
