// What is measured: a file, or a synthetic model of which perhaps only some layers fit into memory.
import { gigabytes } from '../../lib/byte-size.js';
import { BitnetError } from '../../lib/errors.js';
import { inspectModel } from '../../lib/inspect.js';
import { loadModel } from '../../lib/model/load/load.js';
import type { LoadOptions } from '../../lib/model/load/load-options.js';
import type { Model } from '../../lib/model/model.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { extrapolateResult } from '../report/extrapolate.js';
import type { BenchResult } from '../report/report.js';
import { loadSynthetic, syntheticMemory } from '../synth/load.js';
import { describedModel, type SynthDescription } from '../synth/model.js';
import { shapes } from '../synth/shapes.js';
import { syntheticName, synthSource } from '../synth/source.js';
import { fitShape, type LayerMemory, layersThatFit, processBytes } from './fit.js';
import type { BenchModel, Setting } from './setting.js';

/** Loads whatever is measured. */
export function loadBenchModel(model: BenchModel, options: LoadOptions): Promise<Model> {
  return typeof model === 'object' ? loadSynthetic(model, options) : loadModel(model, options);
}

/** Bytes that a process with the model of a setting takes, with keys and values of so many positions. */
export async function settingMemory(setting: Setting, positions: number): Promise<number> {
  const { model, kernel, headPrefilter, skipInactive, metadataOverrides } = setting;
  const engine = { kernel, headPrefilter, skipInactive };
  if (typeof model === 'object') {
    const { file } = await synthSource(describedModel(model));
    return processBytes + syntheticMemory(readSpec(file), { ...engine, positions });
  }
  const { memory } = await inspectModel(model, { ...engine, metadataOverrides });
  if (!memory) return processBytes; // loading will say what is wrong with it
  const { ternary, dense, head, norms, kvPer1000Positions, states } = memory;
  const kv = (positions / 1000) * kvPer1000Positions.f16 + states.working + states.snapshots;
  return processBytes + ternary + dense + head + norms + kv;
}

/** What models may take, in bytes. */
export interface MemoryRoom {
  /** One of them and its process. */
  readonly budget: number;
  /** Those that are loaded at the same time. */
  readonly available: number;
  /** Of the KV caches of each process. */
  readonly positions: number;
}

/**
 * The settings to measure instead of each one with a synthetic model: itself, or where fewer layers than the shape's run within
 * `budget` bytes or were asked for, half of some layers and then all of these, which fit together and so take turns; their results lead
 * to one for all layers of the shape.
 *
 * @throws ERR_BITNET_MEMORY when not even two layers fit, or those that were asked for do not
 */
export async function fittingSettings(
  settings: readonly Setting[],
  { budget, available, positions }: MemoryRoom,
): Promise<Setting[]> {
  const fitting: Setting[] = [];
  for (const setting of settings) {
    const { model, kernel, headPrefilter, skipInactive } = setting;
    if (typeof model !== 'object') {
      fitting.push(setting);
      continue;
    }
    const { shape, format = 'i2_s', layers: asked } = model;
    const { layers, of, memory } = await fitShape(shape, format, budget, {
      ...{ kernel, headPrefilter, skipInactive, positions },
    });
    const least = asked ?? Math.min(of, 2);
    const needed = memory.rest + least * memory.perLayer;
    if (needed > budget) throw tooLarge(model, [least], needed, budget, 'allow more (--memory)');
    const most = layers < of ? Math.max(2, Math.min(layers, largerOfPair(memory, available))) : of;
    const [few, more] = layersToMeasure(asked ?? most, of);
    if (few === undefined) {
      fitting.push({ ...setting, model: { ...model, layers: more } });
      continue;
    }
    const together = 2 * memory.rest + (few + more) * memory.perLayer;
    if (together > available) {
      throw tooLarge(model, [few, more], together, available, 'end other programs');
    }
    fitting.push(
      { ...setting, model: { ...model, layers: few } },
      { ...setting, model: { ...model, layers: more }, extrapolateTo: of },
    );
  }
  return fitting;
}

/**
 * Half of `layers` and `layers` where there are fewer than the `of` of the whole shape, for a line through both; only `layers` where
 * there is nothing to extrapolate to, or a single layer to do it from.
 */
export function layersToMeasure(
  layers: number,
  of: number,
): [few: number | undefined, more: number] {
  return layers < of && layers >= 2 ? [Math.floor(layers / 2), layers] : [undefined, layers];
}

/** The most layers that fit into `available` bytes together with half of them in another process. */
function largerOfPair({ perLayer, rest }: LayerMemory, available: number): number {
  const both = layersThatFit({ perLayer, rest: 2 * rest }, available);
  return Math.floor((2 * both + 1) / 3); // the largest n with n + ⌊n / 2⌋ ≤ both
}

/** The results, setting by setting those of all tests; behind the two that lead to an extrapolated one stands that. */
export function withExtrapolations(
  results: readonly BenchResult[],
  settings: readonly Setting[],
): BenchResult[] {
  const tests = results.length / settings.length;
  return settings.flatMap(({ model, extrapolateTo: of }, s) => {
    const own = results.slice(s * tests, (s + 1) * tests);
    if (of === undefined || typeof model !== 'object') return own;
    const few = results.slice((s - 1) * tests, s * tests);
    const name = `${syntheticName(describedModel({ ...model, layers: of }))} (extrapolated)`;
    return [...own, ...own.map((more, t) => extrapolateResult(few[t]!, more, of, name))];
  });
}

function tooLarge(
  { shape, format = 'i2_s' }: SynthDescription,
  layers: readonly number[],
  needed: number,
  limit: number,
  remedy: string,
) {
  const [first] = layers;
  const all = first === shapes[shape].nLayer ? 'all' : layers.join(' and ');
  return new BitnetError(
    'ERR_BITNET_MEMORY',
    `Expected ${gigabytes(needed)} of memory for ${all} ${all === '1' ? 'layer' : 'layers'} of ${shape} in ${format}${layers.length > 1 ? ' side by side' : ''}, but ${gigabytes(limit)} may be used; ${remedy}, or choose fewer layers, another format or a smaller shape.`,
  );
}
