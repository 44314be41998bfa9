import { totalmem } from 'node:os';
import { argumentError, checkOptionNames, givenOptions } from '../../checks/options.js';
import { checkedLoadOptions, type LoadOptions } from '../load/load-options.js';
import { pathAndOptions } from '../load/model-path.js';

/** How a model of a pool is loaded: options of `loadModel`, with the path among them. */
export type PooledLoadOptions = Omit<LoadOptions, 'signal'>;

export interface PoolOptions {
  /** The models by name: their paths, or options of `loadModel` with the path among them. Nothing is loaded before it is asked for. */
  readonly models: Readonly<Record<string, string | URL | PooledLoadOptions>>;
  /**
   * Bytes of memory for the weights of models that are loaded together. Keys and values of sessions
   * take more.
   * @default three quarters of the memory this process may use
   */
  readonly maxMemory?: number | undefined;
  /**
   * Milliseconds after which a model that nobody uses is unloaded: 0 at once, Infinity never.
   * @default 300000
   */
  readonly keepAlive?: number | undefined;
}

/** A model as it is to be loaded. */
export interface PooledSource {
  readonly path: string | undefined;
  readonly options: PooledLoadOptions;
}

/** @throws ERR_BITNET_ARGUMENT */
export function checkedPoolOptions(given: PoolOptions) {
  checkOptionNames(given, ['models', 'maxMemory', 'keepAlive']); // which may not be left out
  const { models, maxMemory, keepAlive } = givenOptions(given, [
    'models',
    'maxMemory',
    'keepAlive',
  ]);
  return {
    models: checkedModels(models),
    maxMemory: checkedNumber('maxMemory', maxMemory ?? usableMemory() * 0.75, 'bytes'),
    keepAlive: checkedNumber('keepAlive', keepAlive ?? 300_000, 'milliseconds'),
  };
}

function checkedModels(models: unknown): ReadonlyMap<string, PooledSource> {
  if (Object.prototype.toString.call(models) !== '[object Object]') {
    throw argumentError('an object with a model for each name', 'option models', models);
  }
  const entries = Object.entries(models as PoolOptions['models']);
  if (entries.length === 0) throw argumentError('at least one model', 'option models', models);
  return new Map(entries.map(([name, model]) => [name, checkedModel(name, model)]));
}

function checkedModel(name: string, model: string | URL | PooledLoadOptions): PooledSource {
  if (model === undefined || model === null) {
    throw argumentError('a path or options of loadModel', `option models.${name}`, model);
  }
  const { path, options = {} } = pathAndOptions<LoadOptions>(model, undefined);
  if (options.signal !== undefined && options.signal !== null) {
    throw argumentError('no signal: acquire takes one', `option models.${name}`, model);
  }
  checkedLoadOptions(options);
  const { path: _, ...rest } = options;
  return { path, options: rest };
}

function checkedNumber(name: string, value: unknown, unit: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw argumentError(`a number of ${unit}`, `option ${name}`, value);
}

/** The machine's memory, or what a container leaves of it. */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
