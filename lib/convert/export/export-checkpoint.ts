import { onAbort } from '../../abort.js';
import {
  argumentError,
  functionOption,
  givenOptions,
  nameOption,
  signalOption,
} from '../../checks/options.js';
import { checkNewFolder, newFolder } from '../../files/new-folder.js';
import { readGguf } from '../../gguf/reader.js';
import { throwIfAborted } from '../../gguf/rewrite.js';
import { TensorFiles } from '../../gguf/tensor-files.js';
import { checkedThreads } from '../../model/load/load-options.js';
import { pathOf } from '../../model/load/model-path.js';
import { checkedI2sLayout, type I2sLayout } from '../../model/spec/i2s-layouts.js';
import { readSpec } from '../../model/spec/read-spec.js';
import { readTlTable } from '../../model/spec/tl-tables.js';
import { indexOfShards, sharded, shardName } from '../../safetensors/shards.js';
import { dataBytes, writeSafetensors } from '../../safetensors/writer.js';
import type { ConvertProgress } from '../convert-options.js';
import { configOf } from './config-of.js';
import { exportedFamily } from './exported-families.js';
import { type ExportWork, surveyTensors } from './survey-tensors.js';

export interface ExportOptions {
  /** Most bytes of tensors in one file; a larger tensor gets a file of its own. @default 5e9 */
  readonly maxShardBytes?: number | undefined;
  /** @default all cores this process may use */
  readonly threads?: number | undefined;
  /** As in `loadModel`. */
  readonly i2sLayout?: I2sLayout | undefined;
  /** As in `loadModel`. */
  readonly tlTable?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called often; bytes are those of the GGUF file, and each is looked at twice. */
  readonly onProgress?: ((progress: ConvertProgress) => void) | undefined;
}

/** What was written. */
export interface ExportResult {
  /** Of the folder. */
  readonly path: string;
  /** Of all tensors. */
  readonly bytes: number;
  /** Names of the files in the folder. */
  readonly files: readonly string[];
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** How many tensors have each type. */
  readonly types: Readonly<Record<string, number>>;
  /** What a person should know who goes on with it. */
  readonly notes: readonly string[];
}

/**
 * Makes a checkpoint for Transformers of a GGUF model: config.json and safetensors, one or several with an index. Each tensor gets
 * the smallest of BF16, F16 and F32 that holds its numbers exactly, ternary weights as trit · scale. There is no tokenizer in it.
 *
 * @param input a GGUF file, or any shard of a split model
 * @param output a folder that is not there yet, or empty; it appears when it is complete
 * @throws ERR_BITNET_FILE, ERR_BITNET_GGUF, ERR_BITNET_MODEL, ERR_BITNET_TYPE, ERR_BITNET_ARGUMENT, ERR_BITNET_ABORTED
 */
export async function exportCheckpoint(
  input: string | URL,
  output: string | URL,
  given?: ExportOptions,
): Promise<ExportResult> {
  const from = pathOf(input, 'the path of a GGUF file');
  const path = pathOf(output, 'the path of a folder to write');
  const options = checkedOptions(given);
  const tlTable = await readTlTable(options.tlTable);
  await checkNewFolder(path);
  const file = await readGguf(from);
  const spec = readSpec(file, { i2sLayout: options.i2sLayout, tlTable });
  const family = exportedFamily(file, spec);
  const control = new Int32Array(1);
  const release = onAbort(options.signal, () => Atomics.store(control, 0, 1));
  const files = await TensorFiles.open(file);
  try {
    return await written(
      path,
      { file, spec, family, files, control, options },
      options.maxShardBytes,
    );
  } catch (error) {
    throwIfAborted(options.signal);
    throw error;
  } finally {
    release();
    Atomics.store(control, 0, 1); // a slice may be under way that nobody waits for
    await files.close();
  }
}

const optionNames: (keyof ExportOptions)[] = [
  ...(['maxShardBytes', 'threads', 'i2sLayout', 'tlTable', 'signal', 'onProgress'] as const),
];

function checkedOptions(given: ExportOptions | undefined) {
  const options = givenOptions(given, optionNames);
  const { maxShardBytes = 5e9 } = options;
  if (!Number.isSafeInteger(maxShardBytes) || maxShardBytes < 1) {
    throw argumentError('an integer of at least 1', 'option maxShardBytes', maxShardBytes);
  }
  return {
    maxShardBytes,
    threads: checkedThreads(options.threads),
    i2sLayout: checkedI2sLayout(options.i2sLayout),
    tlTable: nameOption('tlTable', options.tlTable),
    signal: signalOption(options.signal),
    onProgress: functionOption('onProgress', options.onProgress),
  };
}

async function written(
  path: string,
  work: ExportWork,
  maxShardBytes: number,
): Promise<ExportResult> {
  const { file, spec, family } = work;
  const { tensors, dtype, ropeFactors } = await surveyTensors(work);
  const config = configOf(file, spec, family, dtype, ropeFactors);
  const shards = sharded(tensors, maxShardBytes);
  const names = shards.map((_, i) => shardName(i, shards.length));
  const texts: [string, object][] = [['config.json', config]];
  if (shards.length > 1) texts.push(['model.safetensors.index.json', indexOfShards(shards, names)]);
  await newFolder(path, async (writeFile) => {
    for (const [i, shard] of shards.entries()) {
      await writeFile(names[i]!, (handle) => writeSafetensors(handle, shard));
    }
    for (const [name, value] of texts) {
      await writeFile(name, (handle) => handle.writeFile(`${JSON.stringify(value, null, 2)}\n`));
    }
  });
  const types: Record<string, number> = {};
  for (const tensor of tensors) types[tensor.dtype] = (types[tensor.dtype] ?? 0) + 1;
  return {
    path,
    bytes: tensors.reduce((sum, tensor) => sum + dataBytes(tensor), 0),
    files: [...texts.map(([name]) => name), ...names],
    modelType: family.modelType,
    types,
    notes: [tokenizerNote, ...(family.note ? [family.note] : [])],
  };
}

const tokenizerNote =
  'the tokenizer is not written: copy tokenizer.json, tokenizer_config.json and the like from the original repository';
