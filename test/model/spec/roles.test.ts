import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { globalTensors, layerTensors } from '../../../lib/model/spec/graph-tensors.js';
import type { ModelSpec } from '../../../lib/model/spec/spec.js';
import { planLoad } from '../../../lib/native.js';

test('the graph and the table of the engine have the same roles', () => {
  const source = readFileSync('native/graph/roles.cpp', 'utf8');
  const table = [...source.matchAll(/^ {4}\{"(\w+)", /gm)].map(([, name]) => name);
  const graph = new Set([...globalTensors, ...layerTensors].map(({ role }) => role));
  expect(table.toSorted()).toEqual([...graph].toSorted());
});

test('both give every role the same shape', () => {
  const sizes = {
    ...{ nLayer: 1, dim: 768, ffnDim: 2048, nHead: 6, nKvHead: 2, headDim: 96, vocabSize: 1000 },
    rope: { type: 'norm', dim: 64, base: 10_000, scale: 1 },
    experts: { count: 5, used: 2, clamps: [7] },
    gatedAttention: true,
    recurrent: { layers: [true], taps: 4, nKeyHead: 2, nValueHead: 6, keyDim: 40, headDim: 40 },
  } as const;
  const spec = (grow: number) =>
    ({
      ...{ ...sizes, activation: 'relu2', normEps: 1e-5, embeddingScale: 1, attentionScale: 1 },
      tensors: [...globalTensors, ...layerTensors].map(({ role, name, shape }, i) => {
        const [rows, cols, experts] = shape(sizes);
        return {
          ...{ role, name, type: 'F32', offset: 0, bytes: 4 * rows * cols * (experts ?? 1) },
          ...(experts !== undefined && { experts }),
          ...{
            layer: i < globalTensors.length ? -1 : 0,
            rows,
            cols: i === grow ? cols + 16 : cols,
          },
        };
      }),
    }) as unknown as ModelSpec;
  const { tensors } = spec(-1);
  const plan = planLoad(spec(-1), { kernel: '' });
  expect(plan.map(({ tensor, role }) => [tensor, role])).toEqual(
    tensors.map(({ name, role }) => [name, role]),
  );
  for (const [i, { name }] of tensors.entries()) {
    expect(() => planLoad(spec(i), { kernel: '' })).toThrow(
      `"${name}" does not fit the model's graph`,
    );
  }
});
