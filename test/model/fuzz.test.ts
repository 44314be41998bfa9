import { open, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { processorTime } from '../fixtures/processor-time.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();

describe('a model file with one to four bytes changed', () => {
  it.each(['bitnet-b1.58', 'llama', 'gemma3'] as const)(
    'of architecture %s is read or refused with a BitnetError, 5000 times',
    async (arch) => {
      const path = temp(`${arch}.gguf`);
      await tinyModel({ arch, nLayer: 1, dim: 128, ffnDim: 128, nHead: 2, vocabSize: 270 }).write(
        path,
      );
      const sound = await readFile(path);
      const { dataStart } = await readGguf(path);
      const next = random(arch.length);
      const handle = await open(path, 'r+');
      const codes = new Map<string, number>();
      let slowest = 0;
      for (let i = 0; i < 5000; i++) {
        const places = Array.from({ length: 1 + Math.floor(4 * next()) }, () =>
          Math.floor(next() * dataStart),
        );
        for (const at of places) await handle.write(Buffer.of(256 * next()), 0, 1, at);
        const start = processorTime();
        const outcome = await readGguf(path)
          .then((file) => readSpec(file))
          .then(
            () => 'read',
            (error: unknown) => (error instanceof BitnetError ? error.code : String(error)),
          );
        slowest = Math.max(slowest, processorTime() - start);
        codes.set(outcome, 1 + (codes.get(outcome) ?? 0));
        for (const at of places) await handle.write(sound, at, 1, at);
      }
      await handle.close();
      const allowed = ['read', 'ERR_BITNET_GGUF', 'ERR_BITNET_MODEL', 'ERR_BITNET_TYPE'];
      expect([...codes.keys()].filter((code) => !allowed.includes(code))).toEqual([]);
      expect(codes.size).toBe(4);
      expect(slowest).toBeLessThan(2000);
    },
    600_000,
  );
});
