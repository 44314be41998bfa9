import { argumentError, checkOptionNames, signalOption } from '../checks/options.js';
import { variable } from '../environment.js';
import type { LoadOptions } from '../model/load/load-options.js';
import type { Check } from './check.js';
import * as machine from './machine-checks.js';
import { modelChecks } from './model-checks.js';

export interface DoctorOptions
  extends Pick<
    LoadOptions,
    'activation' | 'i2sLayout' | 'tlTable' | 'preTokenizer' | 'metadataOverrides'
  > {
  /** @default the environment variable BITNET_KERNEL, else the best this CPU can run */
  readonly kernel?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at what bitnet needs, check by check, and at a model; nothing it finds is an error. It
 * takes a few seconds, or for a large model somewhat longer than to load it twice.
 *
 * @param path of a GGUF file; without one the embedded model
 * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_ABORTED`
 */
export async function* doctor(
  path?: string,
  options: DoctorOptions = {},
): AsyncGenerator<Check, void> {
  const { kernel = variable('BITNET_KERNEL') ?? '', signal: _, ...overrides } = options;
  checkOptionNames(options, [
    ...['activation', 'i2sLayout', 'tlTable', 'preTokenizer', 'metadataOverrides'],
    ...['kernel', 'signal'],
  ]);
  if (typeof kernel !== 'string') throw argumentError('a name', 'option kernel', kernel);
  const signal = signalOption(options.signal);
  const addon = machine.checkAddon();
  yield addon;
  if (addon.status !== 'fail') {
    yield machine.checkCpu();
    yield* await machine.checkKernels(kernel);
    yield await machine.checkBandwidth();
  }
  yield machine.checkMemory();
  yield machine.checkHugePages();
  yield await machine.checkCache();
  yield machine.checkEnergy();
  if (addon.status !== 'fail') yield* modelChecks(path, { overrides, kernel, signal });
}
