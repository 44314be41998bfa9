import { rmSync } from 'node:fs';
import { beforeEach } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';

/** An empty cache folder before each test of the calling file, no token and no proxy. */
export function pullEnvironment(): (name: string) => string {
  const temp = tempFolder();
  beforeEach(() => {
    for (const name of Object.keys(process.env)) {
      if (/^(HF_.*|BITNET_.*|(https?|no)_proxy)$/i.test(name)) delete process.env[name];
    }
    for (const folder of ['cache', 'home', 'out'])
      rmSync(temp(folder), { recursive: true, force: true });
    process.env.BITNET_CACHE = temp('cache');
    process.env.HF_HOME = temp('home');
  });
  return temp;
}
