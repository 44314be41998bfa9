import { stat } from 'node:fs/promises';
import { onAbort } from '../abort.js';
import {
  booleanOption,
  checkOptionNames,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import { metadataEntries } from '../gguf/entries.js';
import { readGguf } from '../gguf/reader.js';
import { checkOutput, checkPath, throwIfAborted, watched } from '../gguf/rewrite.js';
import { TensorFiles } from '../gguf/tensor-files.js';
import { typeNamed } from '../gguf/tensor-types.js';
import type { GgufFile, GgufTensor } from '../gguf/types.js';
import type { WriteOptions } from '../gguf/write-options.js';
import { type GgufChunks, writeGguf } from '../gguf/writer.js';
import { checkedThreads } from '../model/load/load-options.js';
import { isTernary, supportedTypes } from '../model/spec/graph-tensors.js';
import { checkedI2sLayout, type I2sLayout } from '../model/spec/i2s-layouts.js';
import { storageOf } from '../model/spec/ternary-storage.js';
import { readTlTable, type TlTable } from '../model/spec/tl-tables.js';
import { chooseTypes } from './choose-types.js';
import {
  type EncodedTensor,
  type EncodeNotes,
  type EncodeOptions,
  encodedTensor,
} from './encode-tensor.js';
import { keptNames } from './keep.js';
import { roundedTwice, unfit, unreadableType } from './refusals.js';
import {
  checkedQuantizeType,
  checkedTensorType,
  fileType,
  isFloat,
  type QuantizeType,
  type TensorTypeName,
  ternaryGroup,
} from './types.js';

export interface QuantizeOptions extends WriteOptions {
  /** What the linear layers become, in any spelling: 'i2_s', 'Q4_K_M', … */
  readonly type: QuantizeType | Lowercase<QuantizeType> | 'q4_k' | 'q5_k';
  /** Of `token_embd`. @default as it is for ternary types, else as llama-quantize chooses */
  readonly tokenEmbeddingType?: TensorTypeName | Lowercase<TensorTypeName> | undefined;
  /** Of the output head, or of the embedding that is used as one. @default as for tokenEmbeddingType */
  readonly outputType?: TensorTypeName | Lowercase<TensorTypeName> | undefined;
  /** Names of tensors that stay as they are; `*` stands for any characters. @default none */
  readonly keep?: readonly string[] | undefined;
  /** Round weights that are not ternary to a ternary type, by absmean. @default false */
  readonly force?: boolean | undefined;
  /** Round scales that f16 cannot hold. @default false */
  readonly allowRounding?: boolean | undefined;
  /** Quantize weights that are quantized to another dense type already. @default false */
  readonly allowRequantize?: boolean | undefined;
  /** @default all cores this process may use */
  readonly threads?: number | undefined;
  /** As in `loadModel`. */
  readonly i2sLayout?: I2sLayout | undefined;
  /** As in `loadModel`. */
  readonly tlTable?: string | undefined;
}

export interface QuantizeResult {
  readonly path: string;
  readonly type: QuantizeType;
  readonly bytes: number;
  /** Of the model that was read, all shards together. */
  readonly bytesBefore: number;
  readonly tensors: readonly QuantizedTensor[];
}

export interface QuantizedTensor {
  readonly name: string;
  /** Before and after. */
  readonly from: string;
  readonly to: string;
  /** Of weights that were forced to be ternary: |w − s t| / |w|. */
  readonly distance?: number;
  /** Whether scales were rounded to f16. */
  readonly roundedScales?: true;
}

const optionNames: (keyof QuantizeOptions)[] = [
  ...(['type', 'tokenEmbeddingType', 'outputType', 'keep', 'force', 'allowRounding'] as const),
  ...(['allowRequantize', 'overwrite', 'threads', 'i2sLayout', 'tlTable'] as const),
  ...(['signal', 'onProgress'] as const),
];

/**
 * Writes a GGUF model with its weights in another type. From one ternary type to another no weight and no scale changes; dense
 * weights become ternary only if they are already, or are forced. The file appears when it is complete and has been read back.
 *
 * @param input a GGUF file, or any shard of a split model
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE, ERR_BITNET_GGUF, ERR_BITNET_TYPE, ERR_BITNET_MEMORY, ERR_BITNET_ABORTED
 */
export async function quantizeModel(
  input: string,
  output: string,
  given: QuantizeOptions,
): Promise<QuantizeResult> {
  checkOptionNames(given, optionNames);
  const options = checkedOptions(given);
  const { type, overwrite, signal } = options;
  checkPath('output', output);
  const tlTable = await readTlTable(given.tlTable ?? undefined);
  const file = await readGguf(input);
  await checkOutput(file, output, overwrite);
  const control = new Int32Array(1);
  const release = onAbort(signal, () => Atomics.store(control, 0, 1));
  let files: TensorFiles | undefined;
  try {
    files = await TensorFiles.open(file);
    const plan = planOf(file, files, options, { ...options, tlTable, control });
    const metadata = metadataEntries(file, [
      ['general.file_type', { type: 'u32', value: fileType(type) }],
      ['general.quantization_version', { type: 'u32', value: 2 }],
    ]);
    const made = plan.map(({ tensor: { name, dims, type, typeId }, to, data }) => ({
      ...{ name, dims, data },
      type: to === type ? typeId : to,
    }));
    const { tensors, verify } = watched(made, options);
    await writeGguf(output, { metadata, tensors }, { overwrite, verify });
    return {
      path: output,
      type,
      bytes: (await stat(output)).size,
      bytesBefore: file.size,
      tensors: plan.map(({ tensor: { name, type: from }, to, notes }) => ({
        ...{ name, from, to },
        ...(notes.forced && { distance: notes.forced.distance }),
        ...(notes.roundedScales && { roundedScales: true }),
      })),
    };
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    release();
    Atomics.store(control, 0, 1); // a slice may be under way that nobody waits for
    await files?.close();
  }
}

type CheckedOptions = ReturnType<typeof checkedOptions>;

function checkedOptions(given: QuantizeOptions) {
  const options = givenOptions(given, optionNames);
  return {
    type: checkedQuantizeType(options.type),
    tokenEmbeddingType: checkedTensorType('tokenEmbeddingType', options.tokenEmbeddingType),
    outputType: checkedTensorType('outputType', options.outputType),
    isKept: keptNames(options.keep),
    force: booleanOption('force', options.force, false),
    allowRounding: booleanOption('allowRounding', options.allowRounding, false),
    allowRequantize: booleanOption('allowRequantize', options.allowRequantize, false),
    overwrite: booleanOption('overwrite', options.overwrite, false),
    threads: checkedThreads(options.threads),
    i2sLayout: checkedI2sLayout(options.i2sLayout),
    signal: signalOption(options.signal),
    onProgress: functionOption('onProgress', options.onProgress),
  };
}

/** A tensor of the new file. */
interface Planned {
  readonly tensor: GgufTensor;
  readonly to: string;
  readonly data: GgufChunks;
  readonly notes: EncodeNotes;
}

/** What each tensor becomes, all checked before the first is written. */
function planOf(
  file: GgufFile,
  files: TensorFiles,
  options: CheckedOptions,
  work: EncodeOptions & { readonly tlTable: TlTable | undefined },
): Planned[] {
  const types = chooseTypes(file, options);
  return file.tensors.map((tensor, i) => {
    const notes: EncodeNotes = {};
    // What stays is written as the rest of the file is: a reader knows one order of I2_S for all of it.
    const type = types[i] ?? (tensor.type === 'I2_S' ? 'I2_S' : undefined);
    if (type === undefined || (type === tensor.type && isPlainStorage(options))) {
      return { tensor, to: tensor.type, data: files.copy(tensor), notes };
    }
    const encoded = encodedOf(file, files, tensor, type, { ...options, tlTable: work.tlTable });
    const { force, allowRounding, threads, control } = work;
    const how = { force, allowRounding, threads, control };
    return { tensor, to: type, data: encodedTensor(encoded, how, notes), notes };
  });
}

/** Whether I2_S is what it is taken for. */
function isPlainStorage({ i2sLayout = 'canonical' }: CheckedOptions): boolean {
  return i2sLayout === 'canonical';
}

function encodedOf(
  file: GgufFile,
  files: TensorFiles,
  tensor: GgufTensor,
  type: TensorTypeName,
  options: CheckedOptions & { readonly tlTable: TlTable | undefined },
): EncodedTensor {
  const conversion = { path: file.path, tensor, type };
  if (!supportedTypes.projection.includes(tensor.type)) throw unreadableType(conversion);
  const [cols = 1, ...others] = tensor.dims;
  const rows = others.reduce((product, dim) => product * dim, 1);
  const shape = `${rows} × ${cols}`;
  const wanted = typeNamed(type)!;
  const whole = ternaryGroup(type) === 0 && (rows * cols) % 128 !== 0;
  if (whole)
    throw unfit(conversion, `a multiple of 128 weights, which ${type} stores together`, shape);
  if (wanted.bytes(rows, cols) === undefined || rows * cols === 0) {
    throw unfit(conversion, `rows of whole blocks of ${wanted.block} weights for ${type}`, shape);
  }
  const fromFloat = isFloat(tensor.type) || isTernary(tensor.type);
  if (!fromFloat && !options.allowRequantize) throw roundedTwice(conversion);
  const stored = storageOf(file, { name: tensor.name, type: tensor.type, rows, cols }, options);
  const source = {
    from: { stamp: files.stampOf(tensor) },
    offset: tensor.offset,
    rows,
    cols,
    ...stored,
  };
  return { ...conversion, source };
}
