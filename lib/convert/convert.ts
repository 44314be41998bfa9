import { stat } from 'node:fs/promises';
import { abortError, onAbort } from '../abort.js';
import { count } from '../count.js';
import type { Decision } from '../decision.js';
import { writableTarget } from '../files/target.js';
import { type GgufTensorInTurn, writeGgufInTurn } from '../gguf/write-in-turn.js';
import { pathOf } from '../model/load/model-path.js';
import { isTernary } from '../model/spec/graph-tensors.js';
import { type ConvertOptions, checkedConvertOptions } from './convert-options.js';
import { fileMetadata } from './file-metadata.js';
import type { MakeOptions } from './make/make-options.js';
import { makeTensor } from './make/make-tensor.js';
import { ReadAhead } from './make/read-ahead.js';
import { readCheckpoint } from './read-checkpoint.js';
import { refuseInput } from './refuse-input.js';
import { ruleText } from './scale-rule.js';
import type { Checkpoint, PlannedTensor } from './tensors/checkpoint.js';
import { planTensors } from './tensors/plan.js';
import { tiedHeadDecision } from './tensors/tied-head.js';
import { convertTokenizer } from './tokenizer/convert-tokenizer.js';

export type { ConvertOptions, ConvertProgress, ConvertType } from './convert-options.js';

/** What was written. */
export interface ConvertResult {
  /** Of the GGUF file. */
  readonly path: string;
  readonly bytes: number;
  readonly architecture: string;
  /** How many tensors have each type. */
  readonly types: Readonly<Record<string, number>>;
  /** What the checkpoint did not say plainly, and how it was taken. */
  readonly decisions: readonly Decision[];
  /** What a person should know of the tokenizer. */
  readonly notes: readonly string[];
}

/**
 * Makes a GGUF file of a checkpoint as Hugging Face has them: config.json, a tokenizer and safetensors. Tensors are read, converted
 * and written one by one, so that memory is needed for few of them. The file appears when it is complete.
 *
 * @param source a folder, or a safetensors file or index in it
 * @param output the GGUF file to write
 * @throws ERR_BITNET_SAFETENSORS, ERR_BITNET_MODEL, ERR_BITNET_TOKENIZER and ERR_BITNET_TYPE for a checkpoint that is not sound or
 * cannot be stored so, ERR_BITNET_FILE, ERR_BITNET_ARGUMENT, ERR_BITNET_ABORTED
 */
export async function convertCheckpoint(
  source: string | URL,
  output: string | URL,
  options?: ConvertOptions,
): Promise<ConvertResult> {
  const from = pathOf(source, 'the path of a checkpoint');
  const path = pathOf(output, 'the path of a file to write');
  const { type, allowRounding, overwrite, signal, onProgress } = checkedConvertOptions(options);
  const remedy = 'allow it to be replaced (--overwrite, option overwrite)';
  await writableTarget(path, { overwrite, remedy });
  const checkpoint = await readCheckpoint(from);
  await refuseInput(path, checkpoint);
  const planned = planTensors(checkpoint);
  const { vocabSize } = checkpoint.parameters.sizes;
  const tokenizer = await convertTokenizer(checkpoint.path, { vocabSize });
  const metadata = await fileMetadata(checkpoint, planned);

  const control = new Int32Array(1);
  const reading = signal ? { signal } : {};
  const head = await tiedHeadDecision(checkpoint, planned, reading);
  const odd: string[] = [];
  const rounded = new Set<string>();
  let dense = 0;
  const types: Record<string, number> = {};
  const making: MakeOptions = {
    ...{ path: checkpoint.path, type, allowRounding },
    ahead: new ReadAhead(planned, signal),
    reading,
    work: { threads: 0, control },
    onOdd: (what) => odd.push(what),
    onRounded: (name) => rounded.add(name),
    onRows: progressOf(planned, signal, onProgress),
  };
  const tensors = planned.map((tensor): GgufTensorInTurn => {
    const make = async () => {
      const made = await makeTensor(tensor, making);
      types[made.type] = (types[made.type] ?? 0) + 1;
      if (tensor.kind === 'projection' && !isTernary(made.type)) dense++;
      return made;
    };
    return { name: tensor.name, dims: dimsOf(tensor), make };
  });
  const contents = {
    metadata: (made: readonly string[]) => [...metadata(made), ...tokenizer.metadata],
    tensors: [...tensors, ...statedTensors(checkpoint)],
  };
  const verify = () => throwIfAborted(signal);
  const release = onAbort(signal, () => Atomics.store(control, 0, 1));
  try {
    await writeGgufInTurn(path, contents, { overwrite, verify });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    release();
    Atomics.store(control, 0, 1); // a chunk may be under way that nobody waits for
  }
  const decisions = [
    ...decisionsOf(checkpoint, odd),
    ...untrainedDecision(checkpoint, dense),
    ...roundedDecision(rounded.size),
    ...(head === undefined ? [] : [head]),
  ];
  return {
    ...{ path, bytes: (await stat(path)).size, architecture: checkpoint.family.architecture },
    ...{ types, decisions, notes: tokenizer.notes },
  };
}

/** The shape of a tensor in the file, the contiguous dimension first. */
function dimsOf({ kind, rows, cols, parts }: PlannedTensor): number[] {
  if (kind === 'vector') return [cols];
  return parts ? [cols, rows / parts.length, parts.length] : [cols, rows];
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError('The conversion was aborted.', signal.reason);
}

/** Reports how far the work has come, and ends it when the signal says so. */
function progressOf(
  planned: readonly PlannedTensor[],
  signal: AbortSignal | undefined,
  onProgress: ConvertOptions['onProgress'],
): MakeOptions['onRows'] {
  const bytesOf = ({ source: { begin, end }, parts = [] }: PlannedTensor) =>
    (end - begin) * Math.max(parts.length, 1);
  const total = planned.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  let before = 0;
  return (tensor, rows) => {
    throwIfAborted(signal);
    const done = Math.floor((bytesOf(tensor) * rows) / tensor.rows);
    onProgress?.({ bytes: before + done, total, tensor: tensor.name });
    if (rows === tensor.rows) before += done;
  };
}

/** Tensors whose numbers the settings say. */
function statedTensors({ parameters }: Checkpoint): GgufTensorInTurn[] {
  return [...parameters.tensors].map(([name, { buffer, length }]) => {
    const make = async () => ({ type: 'F32', data: new Uint8Array(buffer) });
    return { name, dims: [length], make };
  });
}

/** What is to be said of a model whose graph is of trits, and whose layers are none. */
function untrainedDecision({ graph, decision }: Checkpoint, dense: number): Decision[] {
  if (graph.subNorms === undefined || decision.rule !== 'stored' || dense === 0) return [];
  const reason = `models like this one round weights to −s, 0 or +s when they run, but ${decision.reason}; if this one does, take the config.json of the original`;
  return [
    { subject: 'weights', choice: `${count(dense, 'layer')} not ternary`, reason, warning: true },
  ];
}

function roundedDecision(tensors: number): Decision[] {
  if (tensors === 0) return [];
  const reason = '16 bits cannot hold them, and rounding was allowed';
  const choice = `those of ${count(tensors, 'tensor')} rounded`;
  return [{ subject: 'scales', choice, reason }];
}

/** Odd tensors that are told one by one. */
const mostOdd = 3;

function decisionsOf({ decision }: Checkpoint, odd: readonly string[]): Decision[] {
  const { rule, reason } = decision;
  const others = odd.length > mostOdd ? `, and ${odd.length - mostOdd} more` : '';
  return [
    { subject: 'weights', choice: ruleText[rule], reason },
    ...odd.slice(0, mostOdd).map(
      (what, i): Decision => ({
        subject: 'scale',
        choice: what,
        reason: `trained weights are between them${i === mostOdd - 1 ? others : ''}`,
        warning: true,
      }),
    ),
  ];
}
