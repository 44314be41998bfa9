import { readSpec } from '../../lib/model/spec/read-spec.js';
import type { SynthFormat } from '../synth/formats.js';
import { type SyntheticUse, syntheticMemory } from '../synth/load.js';
import { describedModel } from '../synth/model.js';
import { type ShapeName, shapes } from '../synth/shapes.js';
import { synthSource } from '../synth/source.js';

/** Bytes of a process that measures, without its model: Node, the library, a vocabulary. */
export const processBytes = 150 * 2 ** 20;

/** What a synthetic model takes in memory, in bytes: `rest` (head, embedding, process) and for each of its layers `perLayer`. */
export interface LayerMemory {
  readonly perLayer: number;
  readonly rest: number;
}

/** How many of its `of` layers run. */
export interface Fit {
  /** 0 when not even one does. */
  readonly layers: number;
  readonly of: number;
  readonly memory: LayerMemory;
}

/**
 * How many layers of a shape run within `budget` bytes, at most all of them. The engine's intermediate values are not counted: some
 * hundred megabytes for the longest prompts of the widest shapes.
 *
 * @throws ERR_BITNET_ARGUMENT for a shape or format that does not exist, or a format whose blocks do not divide the shape's rows
 */
export async function fitShape(
  shape: ShapeName,
  format: SynthFormat,
  budget: number,
  options: SyntheticUse = {},
): Promise<Fit> {
  const memory = await memoryByLayer(shape, format, options);
  const of = shapes[shape].nLayer;
  return { layers: Math.min(of, layersThatFit(memory, budget)), of, memory };
}

/** The whole number of layers that `budget` bytes have room for, not below 0. */
export function layersThatFit({ perLayer, rest }: LayerMemory, budget: number): number {
  return Math.max(0, Math.floor((budget - rest) / perLayer));
}

async function memoryByLayer(
  shape: ShapeName,
  format: SynthFormat,
  options: SyntheticUse,
): Promise<LayerMemory> {
  const of = async (layers: number) => {
    const { file } = await synthSource(describedModel({ shape, format, layers }));
    return syntheticMemory(readSpec(file), options);
  };
  const one = await of(1);
  const perLayer = (await of(2)) - one;
  return { perLayer, rest: one - perLayer + processBytes };
}
