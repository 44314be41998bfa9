import { expect, it } from 'vitest';
import { roundHalfEven } from '../fixtures/half.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { worstRow } from '../reference/difference.js';
import { engineRounding, referenceLogits } from '../reference/forward.js';
import { referenceModel } from '../reference/weights.js';
import { allLogits, modelLoader } from './engine.js';

const path = tempFolder()('ties.gguf');
const load = modelLoader();
const dim = 256;
const ids = [3, 1, 4, 1, 5, 2];

/**
 * A vector of halves up to 127 whose mean square is 1024. Its norm is then 1/32, without any
 * rounding, and its int8 codes are the vector itself: 252 of them exact ties.
 */
function vectorOfTies(next: () => number): number[] {
  const sum = 1024 * dim;
  for (;;) {
    const halves = Array.from({ length: 252 }, () => Math.floor(56 * next()) + 0.5);
    // What is left is the sum of three whole squares, of which 127 may be the largest.
    const left = sum - 127 ** 2 - halves.reduce((total, v) => total + v * v, 0);
    for (let a = 0; a <= 127; a++) {
      for (let b = a; b <= 127; b++) {
        const c = Math.sqrt(left - a * a - b * b);
        if (Number.isInteger(c) && c <= 127) {
          return [...halves, a, b, c, 127].sort(() => next() - 0.5);
        }
      }
    }
  }
}

it('numbers in the very middle of two codes, or two halves, go to the even one', async () => {
  const next = random(9);
  const model = tinyModel({ dim, nLayer: 1, headType: 'F32', normEps: 1e-20 });
  const floats = (name: string) => {
    const { bytes } = model.tensors.get(name)!;
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  };
  for (let id = 0; id < 8; id++) floats('token_embd.weight').set(vectorOfTies(next), id * dim);
  floats('blk.0.attn_norm.weight').fill(1);
  // Weights 0 and 1, whose scale is a power of two, give values of about 3500 times another:
  // there every odd multiple lies between two halves.
  const { bytes } = model.tensors.get('blk.0.attn_v.weight')!;
  for (let i = 0; i < bytes.length - 32; i++) {
    bytes[i] = [0, 2, 4, 6].reduce((byte, shift) => byte | ((next() < 0.5 ? 1 : 2) << shift), 0);
  }
  const setScale = (tensor: Uint8Array, scale: number) =>
    tensor.set(new Uint8Array(Float32Array.of(scale).buffer), tensor.length - 32);
  setScale(bytes, 2 ** -6);
  setScale(model.tensors.get('blk.0.attn_output.weight')!.bytes, 8); // to be seen beside the input
  await model.write(path);

  const [reference, loaded] = [await referenceModel(path), await load(path)];
  const logits = await allLogits(loaded, ids);
  let ties = 0;
  const differenceWith = (atTie: (steps: number) => number) => {
    ties = 0;
    const round = (steps: number) => {
      if (Math.abs(steps % 1) !== 0.5) return roundHalfEven(steps);
      ties++;
      return atTie(steps);
    };
    const expected = referenceLogits(reference, ids, { ...engineRounding, round });
    return worstRow(logits, expected, model.options.vocabSize).max;
  };
  expect(differenceWith(roundHalfEven)).toBeLessThan(1e-6);
  expect(ties).toBeGreaterThan((252 + 100) * ids.length);
  const away = (steps: number) => Math.sign(steps) * Math.ceil(Math.abs(steps));
  expect(differenceWith(away)).toBeGreaterThan(1e-4);
  expect(differenceWith(Math.floor)).toBeGreaterThan(1e-4);
  // Half to even for the codes alone would show in the halves of the values, too.
  const evenCodes = (steps: number) =>
    Math.abs(steps) > 127 ? Math.ceil(steps) : roundHalfEven(steps);
  expect(differenceWith(evenCodes)).toBeGreaterThan(1e-4);
});
