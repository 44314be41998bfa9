import { describe, expect, test } from 'vitest';
import { bitnet } from './bitnet.js';

const choices = async (...flags: string[]) => {
  const args = flags.flatMap((flag) => ['--override-kv', flag]);
  const { stdout } = await bitnet(['inspect', '--json', ...args]);
  const { decisions } = JSON.parse(stdout) as { decisions: { subject: string; choice: string }[] };
  return decisions.filter(({ subject }) => subject === 'metadata').map(({ choice }) => choice);
};

describe('--override-kv', () => {
  test('takes every type, several times or with commas; of two for one key the last counts', async () => {
    const flags = ['a=int:-3', 'b=float:1e3,c=bool:true,d=str:x, y=z,e=str:', 'a=int:4'];
    const expected = ['"a" is 4', '"b" is 1000', '"c" is true', '"d" is "x, y=z"', '"e" is ""'];
    expect(await choices(...flags)).toEqual(expected);
  });

  test('changes what every command reads, which warn of what nothing reads', async () => {
    const key = 'tokenizer.ggml.add_bos_token=bool:false';
    const tokenized = await bitnet(['tokenize', '--ids', '-p', 'a', '--override-kv', key]);
    expect(tokenized.stdout.trim().split(' ')).toHaveLength(1);
    const run = ['run', '-p', 'Once', '-n', '1', '--override-kv', 'bitnet-b1.58.foo=int:1'];
    const { code, stderr } = await bitnet(run);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: metadata: "bitnet-b1\.58\.foo" is 1, because .* nothing/m);
    const bench = [
      'bench',
      '-p',
      '8',
      '-n',
      '0',
      '-r',
      '1',
      '--override-kv',
      'x.block_count=int:0',
    ];
    expect((await bitnet(bench)).code).toBe(0);
    const wrong = bench.with(-1, 'bitnet-b1.58.block_count=int:0');
    expect(await bitnet(wrong)).toMatchObject({ code: 1, stdout: '' });
  });

  test.each(['a', 'a=1', '=int:1', 'a=int:1.5', 'a=int:', 'a=bool:yes', 'a=float:x', 'a=u32:1'])(
    'refuses "%s" as wrong usage',
    async (flag) => {
      const { code, stderr } = await bitnet(['run', '-p', 'x', '--override-kv', flag]);
      expect(code).toBe(2);
      expect(stderr).toContain('Expected key=type:value');
    },
  );
});
