import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { writeGguf } from '../../lib/gguf/writer.js';
import type { Sparsity } from '../../lib/index.js';
import { shardName, writeSplit } from '../fixtures/split-model.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { tinyVocabulary } from '../fixtures/tiny-vocabulary.js';
import { bitnet, storiesPath } from './bitnet.js';

const file = tempFolder();

describe('bitnet inspect', () => {
  test('prints tables of at most 80 columns', async () => {
    const { code, stdout, stderr } = await bitnet(['inspect', storiesPath]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const title of ['Decisions', 'Memory', 'Kernels', 'Metadata', 'Tensors']) {
      expect(stdout).toContain(`\n\n${title}\n`);
    }
    expect(stdout).not.toContain('Problems');
    expect(stdout).toMatch(/^ {2}blk\.0\.ffn_down\.weight {7}I2_S {2}768 × 256 {3}48\.0 KiB$/m);
    expect(stdout).toMatch(/layer_norm_rms_epsilon \(f32\) 0\.00001$/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('describes the embedded model, or the one in BITNET_MODEL, if none is named', async () => {
    const named = await bitnet(['inspect', storiesPath]);
    expect((await bitnet(['inspect'])).stdout).toBe(named.stdout);
    const run = await bitnet(['inspect'], { env: { BITNET_MODEL: 'nothere.gguf' } });
    expect(run).toMatchObject({ code: 1, stdout: '' });
  });

  test('says which layers see less than everything', async () => {
    await tinyModel({ arch: 'gemma3', nLayer: 7, window: 20 }).write(file('window.gguf'));
    const { stdout } = await bitnet(['inspect', file('window.gguf')]);
    expect(stdout).toMatch(/^ +6 of the layers see 20 positions, RoPE base 10000$/m);
  });

  test('prints one JSON object with --json', async () => {
    const { code, stdout } = await bitnet(['inspect', '--json', '--kernel', 'scalar']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      architecture: 'bitnet-b1.58',
      memory: { ternary: 6 * 196_608 },
      cpu: { chosen: { ternary: 'mad2-scalar' } },
    });
  });

  test('--sparsity counts the zeros of a text, and says of which', async () => {
    const { code, stdout } = await bitnet(['inspect', storiesPath, '--sparsity']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Activation sparsity\n {2}Over 200 tokens of the text "Once upon a time/m,
    );
    expect(stdout).toMatch(
      /^ {2}layer +inactive neurons +zero inputs of down\n( {2}\d .*%\n){6} {2}mean/m,
    );
    await writeFile(file('text.txt'), 'One day, a cat sat down.\n');
    const given = ['-p', 'One day, a cat sat down.'];
    const [a, b] = await Promise.all(
      [given, ['-f', file('text.txt')]].map((text) =>
        bitnet(['inspect', storiesPath, '--sparsity', '--json', ...text]),
      ),
    );
    const { sparsity, memory } = JSON.parse(a!.stdout) as { sparsity: Sparsity; memory: object };
    expect(JSON.parse(b!.stdout)).toEqual({ ...JSON.parse(a!.stdout) });
    expect(memory).toBeDefined();
    expect(sparsity).toMatchObject({ text: given[1], left: 0 });
    expect(sparsity.layers).toHaveLength(6);
    for (const { inactiveNeurons, zeroInputs } of sparsity.layers) {
      expect(inactiveNeurons).toBeGreaterThan(0.4);
      expect(zeroInputs).toBeGreaterThanOrEqual(inactiveNeurons);
      expect(zeroInputs).toBeLessThan(1);
    }
  });

  test('a text without --sparsity is wrong usage', async () => {
    const { code, stdout, stderr } = await bitnet(['inspect', '-p', 'x']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Expected --sparsity with a text');
  });

  test('works on a vocabulary without a model', async () => {
    await writeGguf(file('vocabulary.gguf'), { metadata: new Map(tinyVocabulary(300)) });
    const { code, stdout } = await bitnet(['inspect', file('vocabulary.gguf')]);
    expect(code).toBe(0);
    expect(stdout).toContain('\nProblems\n  ERR_BITNET_MODEL: ');
    expect(stdout).toContain('\nNo tensors: a vocabulary only.\n');
  });

  test('shows the files of a split model', async () => {
    const shard = (no: number) => file(shardName('split', no, 2));
    await writeSplit(tinyModel(), shard, 2);
    const { code, stdout } = await bitnet(['inspect', shard(1)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Shards {12}split-00001-of-00002\.gguf: 12 tensors, .*\n {18}split-00002-of-00002\.gguf: 12 tensors, /m,
    );
    const json = JSON.parse((await bitnet(['inspect', '--json', shard(0)])).stdout);
    expect(json.file.shards).toMatchObject([
      { path: shard(0), tensors: 12 },
      { path: shard(1), tensors: 12 },
    ]);
    expect(json.tensors[12]).toMatchObject({ shard: 1 });
    expect(json.problems).toEqual([]);
  });

  test('makes control characters of the file visible, and integers past 2^53 exact', async () => {
    const model = tinyModel();
    model.metadata.set('general.name', { type: 'string', value: '\x1b[2Jboo\u202e\n\u009b' });
    model.metadata.set('bad\x1bkey', { type: 'u64', value: 2n ** 63n });
    await model.write(file('rude.gguf'));
    const { stdout } = await bitnet(['inspect', file('rude.gguf')]);
    expect(stdout).toContain('general.name (string) "\\u001b[2Jboo\\u202e\\n\\u009b"');
    expect(stdout).toContain('bad\\u001bkey (u64) 9223372036854775808');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    const json = await bitnet(['inspect', '--json', file('rude.gguf')]);
    expect(JSON.parse(json.stdout).metadata).toContainEqual({
      key: 'bad\x1bkey',
      type: 'u64',
      value: '9223372036854775808',
    });
  });

  test('a missing file is one sentence and exit code 1, a wrong option is usage and 2', async () => {
    expect(await bitnet(['inspect', 'nothere.gguf'])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: Expected a model file at "nothere.gguf", but there is none; check the path.\n',
    });
    expect(await bitnet(['inspect', '--jsno'])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        "error: unknown option '--jsno' (Did you mean --json?)\nusage: bitnet inspect [options] [model]\nbitnet inspect --help lists the options.\n",
    });
  });
});
