import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, storiesPath } from './bitnet.js';

const file = tempFolder();

test('bitnet compare finds no difference between a model and itself', async () => {
  writeFileSync(
    file('story.txt'),
    'Once upon a time, there was a little dog named Spot. '.repeat(9),
  );
  const args = ['compare', storiesPath, storiesPath, '-f', file('story.txt'), '-c', '32'];
  const { code, stdout } = await bitnet([...args, '--chunks', '2']);
  expect(code).toBe(0);
  expect(stdout).toContain('KL divergence    mean 0.000000 ± 0.000000 nats\n');
  expect(stdout).toContain('Same top token   100.000 % ± 0.000\n');
  expect(stdout).toContain('30 tokens of 2 chunks of 32 tokens\n');
});
