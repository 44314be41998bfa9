import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../lib/cache-folder.js';
import type { Check } from '../../lib/doctor/check.js';
import { doctor } from '../../lib/doctor/doctor.js';
import { checkCache, checkHugePages, checkKernels } from '../../lib/doctor/machine-checks.js';
import { modelChecks } from '../../lib/doctor/model-checks.js';
import * as native from '../../lib/native.js';
import { rejection } from '../api/tiny.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyModel, tinyModel } from '../fixtures/tiny-model.js';
import { tinyVocabulary } from '../fixtures/tiny-vocabulary.js';

const file = tempFolder();
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

async function all(checks: AsyncIterable<Check>): Promise<Check[]> {
  const list: Check[] = [];
  for await (const check of checks) list.push(check);
  return list;
}

/** What is said of a model, only the statuses of each subject. */
async function statuses(path: string): Promise<[string, string][]> {
  const checks = await all(modelChecks(path, { kernel: '', signal: undefined }));
  return checks
    .filter(({ subject }) => subject !== 'rule')
    .map(({ subject, status }) => [subject, status]);
}

async function written(name: string, change?: (model: TinyModel) => void): Promise<string> {
  const model = tinyModel();
  change?.(model);
  await model.write(file(name));
  return file(name);
}

const loads: [string, string][] = [
  ['file', 'ok'],
  ['model', 'ok'],
  ['model', 'ok'],
];

describe('doctor', () => {
  it('finds nothing wrong with this build and the embedded model', {
    timeout: 60_000,
  }, async () => {
    const checks = await all(doctor());
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const subjects = new Set(checks.map(({ subject }) => subject));
    expect([...subjects]).toEqual([
      ...['addon', 'cpu', 'kernels', 'bandwidth', 'memory', 'pages', 'cache', 'energy'],
      ...['file', 'rule', 'model', 'logits', 'prefill', 'text', 'threads'],
    ]);
    const ok = checks.filter(({ status }) => status === 'ok');
    const text = ok.find(({ subject }) => subject === 'text')?.message;
    expect(text).toMatch(/^Once upon a time, there was/);
    for (const { name } of native.cpuInfo().kernels.filter(({ usable }) => usable)) {
      expect(
        ok?.some(({ message }) => message.includes(name)),
        name,
      ).toBe(true);
    }
  });

  it('refuses wrong options, and stops when aborted', async () => {
    expect(await rejection(all(doctor(undefined, { kernle: 'x' } as object)))).toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
    });
    const signal = AbortSignal.abort();
    const checks = modelChecks(undefined, { kernel: '', signal });
    expect(await rejection(all(checks))).toMatchObject({ code: 'ERR_BITNET_ABORTED' });
  });

  it('names a kernel that cannot be used, or computes wrongly', async () => {
    const forced = await checkKernels('mad2-neverheardof');
    expect(forced[0]).toMatchObject({ subject: 'kernels', status: 'fail' });
    expect(forced[0]!.message).toContain('"mad2-neverheardof"');

    vi.spyOn(native, 'selfTest').mockResolvedValue([
      { family: 'ternary', name: 'mad2-avx2', wrong: 'product of 1: element 3 is 5, not 6' },
      { family: 'ternary', name: 'mad2-scalar', wrong: '' },
    ]);
    const checks = await checkKernels('');
    expect(checks.slice(1)).toEqual([
      {
        ...{ subject: 'kernels', status: 'fail' },
        message: 'ternary mad2-avx2 computes wrongly: product of 1: element 3 is 5, not 6',
        remedy: expect.stringContaining('BITNET_KERNEL=scalar'),
      },
      expect.objectContaining({ status: 'ok', message: 'ternary as defined: mad2-scalar' }),
    ]);
  });

  it('reports huge pages as Linux does', () => {
    const path = file('enabled');
    writeFileSync(path, 'always [madvise] never\n');
    expect(checkHugePages('linux', path)).toMatchObject({ status: 'ok' });
    writeFileSync(path, 'always madvise [never]\n');
    expect(checkHugePages('linux', path).remedy).toContain(`tee ${path}`);
    expect(checkHugePages('linux', file('nowhere'))).toMatchObject({ status: 'warn' });
    expect(checkHugePages('darwin', path)).toMatchObject({ status: 'ok' });
  });

  it('warns where the cache folder cannot be written', async () => {
    writeFileSync(file('plain'), '');
    vi.stubEnv('XDG_CACHE_HOME', file('plain'));
    const check = await checkCache();
    expect(check).toMatchObject({ subject: 'cache', status: 'warn' });
    const said = 'cannot be written: the system answered "ENOTDIR: not a directory"';
    expect(check.message).toBe(`${cacheFolder()} ${said}`);
    vi.stubEnv('XDG_CACHE_HOME', file('folder'));
    expect(await checkCache()).toMatchObject({ status: 'ok' });
  });
});

describe('doctor with a model', () => {
  it('checks one that works, in several ways', async () => {
    expect(await statuses(await written('good.gguf'))).toEqual([
      ...loads,
      ['logits', 'ok'],
      ['prefill', 'ok'],
      ['threads', 'ok'],
    ]);
  });

  it('finds logits that are no numbers', async () => {
    const path = await written('nan.gguf', ({ tensors }) => {
      const { bytes } = tensors.get('token_embd.weight')!;
      const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
      for (let at = 5; at < halves.length; at += 256) halves[at] = 0x7e00;
    });
    expect(await statuses(path)).toEqual([...loads, ['logits', 'fail']]);
    const checks = await all(modelChecks(path, { kernel: '', signal: undefined }));
    const { message, remedy } = checks.find(({ subject }) => subject === 'logits')!;
    expect(message).toMatch(/^Expected .*logits/);
    expect(remedy).toBe('get the file again');
  });

  it('says what is wrong with files that are none, cut short, missing or no model', async () => {
    const bytes = readFileSync(await written('whole.gguf'));
    writeFileSync(file('none.gguf'), 'not a model');
    writeFileSync(file('cut.gguf'), bytes.subarray(0, bytes.length - 1000));
    writeFileSync(file('short.gguf'), bytes.subarray(0, 500));
    await written('vocabulary.gguf', ({ metadata, tensors }) => {
      metadata.clear();
      for (const [key, value] of tinyVocabulary(300)) metadata.set(key, value);
      tensors.clear();
    });
    await written('architecture.gguf', ({ metadata }) => {
      metadata.set('general.architecture', { type: 'string', value: 'gpt9' });
    });
    mkdirSync(file('folder.gguf'));
    for (const name of [
      'none',
      'cut',
      'short',
      'vocabulary',
      'architecture',
      'folder',
      'missing',
    ]) {
      const found = await statuses(file(`${name}.gguf`));
      expect(found.at(-1), name).toEqual([expect.stringMatching(/file|model/), 'fail']);
    }
  });

  it('does not load what is larger than the free memory', async () => {
    const options = { kernel: '', signal: undefined, free: 1000 };
    const checks = await all(modelChecks(file('good.gguf'), options));
    expect(checks.at(-1)).toMatchObject({ subject: 'model', status: 'fail' });
    expect(checks.at(-1)!.message).toMatch(/^weights take .* MiB of the 0\.0 MiB available$/);
  });
});
