import { argumentError } from '../../checks/options.js';
import { Adapter } from './adapter.js';
import type { AdapterMemory } from './adapter-memory.js';

/** An adapter to generate with. */
export interface AdapterUse {
  readonly adapter: Adapter;
  /** What it adds is multiplied by this. @default 1 */
  readonly scale?: number | undefined;
}

/** What a session is evaluated with, in this order. */
export interface AppliedAdapters {
  readonly adapters: readonly Adapter[];
  /** `[adapters]` */
  readonly scales: Float64Array;
  /** Equal where adapters and scales are, for as long as this process lives; '' for none. */
  readonly key: string;
}

export const noAdapters: AppliedAdapters = { adapters: [], scales: new Float64Array(0), key: '' };

/** Adapters at once: more are a mistake, each takes time for every token. */
const most = 16;

const mostScale = 1000;

/** The option as given, checked; undefined stays so. Those with a scale of 0 add nothing and are left out. */
export function checkedAdapters(value: unknown): AppliedAdapters | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > most) {
    const expected = `an array of at most ${most} objects { adapter, scale }`;
    throw argumentError(expected, 'option adapters', value);
  }
  const uses = Array.from(value, checkedUse).filter(({ scale }) => scale !== 0);
  const adapters = uses.map(({ adapter }) => adapter);
  const twice = adapters.findIndex((adapter, i) => adapters.indexOf(adapter) !== i);
  if (twice !== -1) {
    const name = `option adapters[${twice}].adapter`;
    throw argumentError('each adapter once', name, `${adapters[twice]!.name} again`);
  }
  return {
    adapters,
    scales: Float64Array.from(uses, ({ scale }) => scale),
    key: uses.map(({ adapter, scale }) => `${adapter.id}*${scale}`).join('+'),
  };
}

/** Throws ERR_BITNET_ARGUMENT for an adapter of another model. */
export function checkOwner({ adapters }: AppliedAdapters, memory: AdapterMemory): void {
  const foreign = adapters.findIndex((adapter) => adapter.memory !== memory);
  if (foreign === -1) return;
  const name = `option adapters[${foreign}].adapter`;
  throw argumentError('what loadAdapter() of the same model gave', name, adapters[foreign]!.name);
}

function checkedUse(value: unknown, i: number): { adapter: Adapter; scale: number } {
  const name = `option adapters[${i}]`;
  if (typeof value !== 'object' || value === null) {
    throw argumentError('an object { adapter, scale }', name, value);
  }
  const { adapter, scale = 1, ...others } = value as { adapter?: unknown; scale?: unknown };
  if (!(adapter instanceof Adapter)) {
    throw argumentError('what await model.loadAdapter() gives', `${name}.adapter`, adapter);
  }
  if (typeof scale !== 'number' || !(Math.abs(scale) <= mostScale)) {
    const expected = `a number from -${mostScale} to ${mostScale}`;
    throw argumentError(expected, `${name}.scale`, scale);
  }
  const [other] = Object.keys(others);
  if (other !== undefined) throw argumentError('only adapter and scale', name, other);
  return { adapter, scale };
}
