import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Absolute path of a golden file in the repository: 'tiny-b158-i2s.gguf', 'mix/…'. */
export function goldenPath(name: string): string {
  return join(__dirname, '../golden', name);
}

/** The token ids that a model's logits belong to. */
export function goldenIds(model: string): number[] {
  const folder = model.startsWith('mix') ? 'mix' : '.';
  return readFileSync(goldenPath(join(folder, 'tokens.txt')), 'utf8')
    .trim()
    .split(/\s+/)
    .map(Number);
}

/** `logits-<engine>-<model>-<variant>.bin`: [ids × vocabSize] of f32. */
export function goldenLogits(engine: string, model: string, variant: string): Float32Array {
  const folder = model.startsWith('mix') ? 'mix' : '.';
  const bytes = readFileSync(goldenPath(join(folder, `logits-${engine}-${model}-${variant}.bin`)));
  return new Float32Array(new Uint8Array(bytes).buffer);
}
