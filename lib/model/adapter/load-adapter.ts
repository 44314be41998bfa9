import { abortError, onAbort } from '../../abort.js';
import { booleanOption, givenOptions, nameOption, signalOption } from '../../checks/options.js';
import { loadableAdapter } from '../../native.js';
import type { NativeModel } from '../../native-types.js';
import { pathOf } from '../load/model-path.js';
import type { ModelSpec } from '../spec/spec.js';
import { Adapter } from './adapter.js';
import type { AdapterMemory } from './adapter-memory.js';
import { readAdapter } from './read-adapter.js';

/** Options of `model.loadAdapter`. */
export interface LoadAdapterOptions {
  /** What errors call it. @default the name in its file, or that of its file or folder */
  readonly name?: string | undefined;
  /** Whether only its header is read now, and the matrices when they are first used. @default false */
  readonly onDemand?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an adapter needs of its model. */
interface AdaptableModel {
  readonly spec: ModelSpec;
  /** @throws ERR_BITNET_CLOSED */
  readonly native: NativeModel;
}

/** See `Model.loadAdapter`. */
export async function loadAdapter(
  model: AdaptableModel,
  memory: AdapterMemory,
  given: string | URL,
  options: LoadAdapterOptions | undefined,
): Promise<Adapter> {
  const { name, onDemand, signal } = givenOptions(options, ['name', 'onDemand', 'signal']);
  const path = pathOf(given, 'the path of an adapter');
  const checked = { name: nameOption('name', name), signal: signalOption(signal) };
  const later = booleanOption('onDemand', onDemand, false);
  void model.native; // which throws when the model is closed
  throwIfAborted(checked.signal);
  const plan = await readAdapter(path, model.spec);
  throwIfAborted(checked.signal);
  const source = loadableAdapter(model.native, plan.stamp, plan.pairs);
  const adapter = new Adapter(path, checked.name ?? plan.name, plan, source, memory);
  if (!later) await makeResident(adapter, memory, checked.signal);
  return adapter;
}

/** Reads the matrices, which shows whether they are sound. */
async function makeResident(
  { tenant }: Adapter,
  memory: AdapterMemory,
  signal: AbortSignal | undefined,
): Promise<void> {
  const control = new Int32Array(1);
  const stopping = new AbortController();
  const release = onAbort(signal, () => {
    Atomics.store(control, 0, 1);
    stopping.abort(signal?.reason);
  });
  try {
    await memory.acquire([tenant], stopping.signal, control);
    memory.release([tenant]);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    release();
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError('Loading the adapter was aborted.', signal.reason);
}
