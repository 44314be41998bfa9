import { encodeHeader } from '../../lib/gguf/encode-header.js';
import { halfBits } from '../../lib/gguf/half.js';
import { readGgufHeader } from '../../lib/gguf/reader.js';
import { typeNamed } from '../../lib/gguf/tensor-types.js';
import type { ModelSource } from '../../lib/model/load/load.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { synthScales } from './formats.js';
import { constantOf, type SynthModel, synthMetadata, synthTensors, tritScale } from './model.js';
import { type ShapeName, shapes } from './shapes.js';
import { normalTable } from './weights.js';

/** What stands for the path of a synthetic model: 'synthetic 3b i2_s', with '(2 layers)' where the shape has others. */
export function syntheticName({ name, shape: { nLayer }, format, scales }: SynthModel): string {
  const whole = Object.hasOwn(shapes, name) && shapes[name as ShapeName].nLayer === nLayer;
  const layers = `${nLayer} ${nLayer === 1 ? 'layer' : 'layers'}`;
  const kind = scales === 'tensor' ? format : `${format} with ${scales} scales`;
  return `synthetic ${name} ${kind}${whole ? '' : ` (${layers})`}`;
}

/**
 * A synthetic model as if its file had been opened: the header is encoded and read in memory, the weights are described, for native
 * code to make the bytes `writeSynthModel` would have written. Gates have no tilts.
 */
export async function synthSource(model: SynthModel): Promise<ModelSource> {
  const path = syntheticName(model);
  const places = synthTensors(model).map(({ name, dims, type, data }) => ({
    ...{ name, dims, typeId: typeNamed(type as string)!.id },
    bytes: data instanceof Uint8Array ? data.length : data.bytes,
  }));
  const { bytes: header, alignment } = encodeHeader(3, synthMetadata(model), places);
  const data = places.reduce((sum, { bytes }) => sum + Math.ceil(bytes / alignment) * alignment, 0);
  const handle = {
    read: async (target: Buffer, offset: number, length: number, position: number) => {
      const copied = header.copy(target, offset, position, position + length);
      target.fill(0, offset + copied, offset + length); // of the data, which the reader looks ahead into
      return { bytesRead: length };
    },
  };
  const file = await readGgufHeader(handle, path, header.length + data);
  const scales = readSpec(file).tensors.map(({ name, rows, cols }) =>
    rows === 1 ? constantOf(name) : tritScale(name, cols),
  );
  const synthetic = {
    seed: model.seed,
    normal: normalTable(0, 1),
    scales: Float32Array.from(scales),
    halfScales: Uint16Array.from(scales, halfBits),
    scalesOf: synthScales.indexOf(model.scales),
  };
  return { file, synthetic };
}
