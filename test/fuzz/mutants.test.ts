import { writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { BitnetError, loadModel, type Model } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { mutant } from './mutant.js';

// scripts/sanitize.mjs sets these, for an addon under sanitizers; BITNET_FUZZ_FIRST=n BITNET_FUZZ_LOADS=1 repeats mutant n.
const loads = Number(process.env.BITNET_FUZZ_LOADS || 250);
const first = Number(process.env.BITNET_FUZZ_FIRST || 1);
vi.mock('../../lib/package-root.js', async (original) => {
  const module = await original<typeof import('../../lib/package-root.js')>();
  return { ...module, packageRoot: process.env.BITNET_FUZZ_PACKAGE || module.packageRoot };
});

const temp = tempFolder();

describe('a model of changed structure', () => {
  it(
    `is refused or runs, ${loads} times, and most of them run`,
    async () => {
      let loaded = 0;
      for (let seed = first; seed < first + loads; seed++) {
        const path = temp('mutant.gguf');
        const { model, changes } = mutant(seed);
        const { arch, weightType } = model.options;
        const told = `mutant ${seed} (${arch}, ${weightType}): ${changes.join('; ')}`;
        await model.write(path);
        await writeFile(temp('mutant.txt'), told); // both stay where they are when the process dies
        const outcomes = await outcomesOf(path);
        for (const outcome of outcomes) expect(outcome, told).toMatch(/^(ok|ERR_BITNET_[A-Z]+)$/);
        if (outcomes.length > 1) loaded++;
      }
      expect(loaded).toBeGreaterThan(0.5 * loads);
    },
    24 * 3600_000,
  );
});

/** What became of the load, and of each use of the model when it loads. */
async function outcomesOf(path: string): Promise<string[]> {
  let model: Model | undefined;
  const load = await outcomeOf(async () => {
    model = await loadModel(path, { threads: 2 });
  });
  if (!model) return [load];
  const outcomes = [load];
  for (const use of uses) outcomes.push(await outcomeOf(() => use(model!)));
  model.close();
  return outcomes;
}

/** 'ok', the code of a BitnetError, or any other error in full. */
async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    return error instanceof BitnetError ? error.code : `${(error as Error).stack}`;
  }
}

/** Together they use everything that is built from the words and numbers of a file. */
const uses: readonly ((model: Model) => Promise<unknown>)[] = [
  (model) => model.createSession().complete('<|x|> the end', { maxTokens: 3, temperature: 0 }),
  async (model) => model.detokenize(model.tokenize('the 日本 aaaa\n\0')),
  (model) => model.createSession().evaluate([0, 1, 2, 3, 4], { logits: 'all' }),
  (model) => model.createSession().score([5, 4, 3, 2]),
  (model) => model.embed(['the end', '']),
  async (model) => {
    for await (const _ of model.createChat().send('the end', { maxTokens: 2 }));
  },
  async (model) => {
    const session = model.createSession({ contextLength: 8 });
    await session.evaluate([0, 1, 2]);
    await session.save(temp('session'));
    await session.load(temp('session'));
    await session.evaluate([3], { top: 5 });
  },
];
