import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { globalTensors, layerTensors } from '../../lib/model/graph-tensors.js';

test('the graph and the table of the engine have the same roles', () => {
  const source = readFileSync('native/model/roles.cpp', 'utf8');
  const table = [...source.matchAll(/^ {4}\{"(\w+)", /gm)].map(([, name]) => name);
  const graph = new Set([...globalTensors, ...layerTensors].map(({ role }) => role));
  expect(table.toSorted()).toEqual([...graph].toSorted());
});
