import { readFile } from 'node:fs/promises';
import { readGguf } from '../../lib/gguf/reader.js';
import { decode } from '../fixtures/decode.js';
import type { DenseType } from '../fixtures/encode.js';
import type { Delta, Matrix, Projection, ReferenceLayer, ReferenceModel } from './weights.js';

export interface ReferenceAdapter {
  readonly path: string;
  readonly scale: number;
}

/** The model with what GGUF adapters add to its layers. */
export async function withAdapters(
  model: ReferenceModel,
  adapters: readonly ReferenceAdapter[],
): Promise<ReferenceModel> {
  const found = await Promise.all(adapters.map(deltasOf));
  const deltas = (name: string) => found.flatMap((all) => all.get(name) ?? []);
  return {
    ...model,
    embeddingDeltas: deltas('token_embd.weight'),
    layers: model.layers.map((layer, i) =>
      adaptedLayer(layer, (part) => deltas(`blk.${i}.${part}`)),
    ),
  };
}

function adaptedLayer(layer: ReferenceLayer, deltas: (part: string) => Delta[]): ReferenceLayer {
  const beside = (projection: Projection, part: string): Projection => ({
    ...projection,
    deltas: deltas(`${part}.weight`),
  });
  const [network, ...others] = layer.networks;
  const { gate, up, down } = network!;
  const adapted = {
    gate: beside(gate, 'ffn_gate'),
    up: beside(up, 'ffn_up'),
    down: beside(down, 'ffn_down'),
  };
  return {
    ...layer,
    q: beside(layer.q, 'attn_q'),
    k: beside(layer.k, 'attn_k'),
    v: beside(layer.v, 'attn_v'),
    o: beside(layer.o, 'attn_output'),
    networks: [adapted, ...others],
  };
}

/** By the name of the tensor that they are beside. */
async function deltasOf({ path, scale }: ReferenceAdapter): Promise<Map<string, Delta[]>> {
  const file = await readGguf(path);
  const bytes = await readFile(path);
  const matrices = new Map(
    file.tensors.map(({ name, type, dims, offset, bytes: size }): [string, Matrix] => {
      const [cols = 0, rows = 0] = dims;
      const data = new Uint8Array(bytes.subarray(offset, offset + size));
      return [
        name,
        { rows, cols, values: decode(type as DenseType, data, rows, cols), ternary: false },
      ];
    }),
  );
  const alpha = file.metadata.get('adapter.lora.alpha') as number | undefined;
  const deltas = new Map<string, Delta[]>();
  for (const [name, b] of matrices) {
    if (!name.endsWith('.lora_b')) continue;
    const base = name.replace(/\.lora_b$/, '');
    const factor = scale * (alpha ? alpha / b.cols : 1);
    deltas.set(base, [{ a: matrices.get(`${base}.lora_a`)!, b, factor }]);
  }
  return deltas;
}
