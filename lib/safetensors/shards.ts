import { dataBytes, type SafetensorsData } from './writer.js';

/** Tensors in order, as many in each file as it may have. */
export function sharded(tensors: readonly SafetensorsData[], most: number): SafetensorsData[][] {
  const shards: SafetensorsData[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const own = dataBytes(tensor);
    if (bytes > 0 && bytes + own > most) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += own;
  }
  return shards;
}

/** `model.safetensors`, or the name of one of several files. */
export function shardName(index: number, count: number): string {
  if (count === 1) return 'model.safetensors';
  const digits = (value: number) => `${value}`.padStart(5, '0');
  return `model-${digits(index + 1)}-of-${digits(count)}.safetensors`;
}

/** What the index of some shards says. */
export function indexOfShards(
  shards: readonly SafetensorsData[][],
  names: readonly string[],
): object {
  const all = shards.flat();
  return {
    metadata: { total_size: all.reduce((sum, tensor) => sum + dataBytes(tensor), 0) },
    weight_map: Object.fromEntries(
      shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]!])),
    ),
  };
}
