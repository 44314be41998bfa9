// Models and tensors as the plain numbers that the addon reads.
import type { FileStamp } from './gguf/file-stamp.js';
import type { ModelSpec } from './model/spec/spec.js';
import {
  adapterTypes,
  type NativePair,
  type NativeSynthetic,
  type NativeTensor,
} from './native-types.js';

/** Positions are the values of `enum Activation`. */
const activations: readonly ModelSpec['activation'][] = ['relu2', 'silu', 'gelu_tanh'];

/** Where the weights come from: the files the spec was read from, or nowhere. */
interface WeightSource {
  readonly synthetic?: NativeSynthetic | undefined;
  readonly stamps?: readonly FileStamp[] | undefined;
}

/** `struct ModelSpec` in native/graph/spec.h. */
export function nativeSpec(
  path: string,
  spec: ModelSpec,
  { synthetic, stamps = [] }: WeightSource,
): object {
  const { rope, slidingWindow, experts, rotation, recurrent, gatedAttention, ...rest } = spec;
  const { activation, tensors, shards = [], ...numbers } = rest;
  return {
    ...numbers,
    path,
    shards: shards.map((path) => ({ path })),
    ...(synthetic ? { synthetic } : { stamps: stampNumbers(stamps) }),
    layerNorm: spec.layerNorm ? 1 : 0,
    normAfterRotation: spec.normAfterRotation ? 1 : 0,
    ropeNeox: rope.type === 'neox' ? 1 : 0,
    ropeDim: rope.dim,
    ropeBase: rope.base,
    ropeScale: rope.scale,
    ropeMagnitude: rope.magnitude ?? 1,
    ropeLongAbove: rope.longAbove ?? 0,
    ...(rope.factors && { ropeFactors: Float64Array.from(rope.factors) }),
    ...(slidingWindow && {
      window: slidingWindow.window,
      windowedLayers: Int32Array.from(slidingWindow.layers, Number),
      windowRopeBase: slidingWindow.ropeBase,
      windowRopeMagnitude: slidingWindow.ropeMagnitude ?? 1,
      ropeInWindows: slidingWindow.ropeOnly ? 1 : 0,
    }),
    ...(experts && {
      nExpert: experts.count,
      nExpertUsed: experts.used,
      gateLimits: Float32Array.from(experts.clamps),
    }),
    ...(rotation && {
      rotationBlock: rotation.block,
      rotationGrouped: rotation.grouped ? 1 : 0,
      rotationSigns: rotation.signs.map((values) => ({ values })),
    }),
    residualScale: spec.residualScale ?? 1,
    logitScale: spec.logitScale ?? 1,
    gatedAttention: gatedAttention ? 1 : 0,
    ...(recurrent && {
      recurrentLayers: Int32Array.from(recurrent.layers, Number),
      stateSpace: recurrent.stateSpace ? 1 : 0,
      stateTaps: recurrent.taps,
      nStateKeyHead: recurrent.nKeyHead,
      nStateValueHead: recurrent.nValueHead,
      stateKeyDim: recurrent.keyDim,
      stateHeadDim: recurrent.headDim,
    }),
    activation: activations.indexOf(activation),
    tensors: tensors.map(({ tile, rotated, ...tensor }) => ({
      ...tensor,
      ...(rotated && { rotated: 1 }),
      ...tileNumbers(tile),
    })),
  };
}

/** A tensor that is no model's yet, as native/binding/quantize_info.cpp reads it. */
export function nativeTensor({ from, tile, ...tensor }: NativeTensor): object {
  const source =
    'bytes' in from ? from : { path: from.stamp.path, stamp: stampNumbers([from.stamp]) };
  return { ...source, ...tensor, ...tileNumbers(tile) };
}

/** `[pairs, 10]` and the file they are in, as native/binding/adapter_object.cpp reads them. */
export function nativeAdapter(stamp: FileStamp, pairs: readonly NativePair[]): object {
  const numbers = pairs.flatMap(({ slot, factor, halvesApart, a, b, width, rank, rows }) => [
    ...[slot, factor, Number(halvesApart), a.offset, adapterTypes.indexOf(a.type), width, rank],
    ...[b.offset, adapterTypes.indexOf(b.type), rows],
  ]);
  return { path: stamp.path, stamp: stampNumbers([stamp]), pairs: Float64Array.from(numbers) };
}

function tileNumbers(tile: NativeTensor['tile']): object {
  if (tile === undefined) return {};
  return { tileRows: tile.rows, tileCols: tile.cols, tileGroupRows: tile.groupRows };
}

/** `[files, 3]`: `struct FileStamp`. */
function stampNumbers(stamps: readonly FileStamp[]): BigInt64Array {
  return BigInt64Array.from(
    stamps.flatMap(({ size, mtimeNs, ino }) => [BigInt(size), mtimeNs, ino]),
  );
}
