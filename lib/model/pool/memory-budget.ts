import { bytes as text } from '../../byte-size.js';
import { BitnetError } from '../../errors.js';

/** Something that takes memory: a model that is loaded, being loaded or being unloaded. */
export interface Tenant {
  /** Bytes it takes. */
  readonly bytes: number;
  /** What several tenants hold together counts once. */
  readonly key: string | undefined;
}

/** The bytes that tenants take together. */
export function bytesOf(tenants: Iterable<Tenant>): number {
  const shares = new Map<unknown, number>();
  for (const tenant of tenants) {
    const share = tenant.key ?? tenant;
    shares.set(share, Math.max(tenant.bytes, shares.get(share) ?? 0));
  }
  return [...shares.values()].reduce((sum, share) => sum + share, 0);
}

/**
 * Who has to leave so that `newcomer` fits.
 *
 * @param staying tenants that do not leave, such as those on their way in
 * @param leaving those that can, the first to go first
 * @returns undefined where it would not fit though all of them left
 */
export function whoLeaves<T extends Tenant>(
  newcomer: Tenant,
  staying: readonly Tenant[],
  leaving: readonly T[],
  maxMemory: number,
): readonly T[] | undefined {
  for (let count = 0; count <= leaving.length; count++) {
    if (bytesOf([newcomer, ...staying, ...leaving.slice(count)]) <= maxMemory) {
      return leaving.slice(0, count);
    }
  }
  return undefined;
}

/** Throws ERR_BITNET_MEMORY for a model that does not fit into the memory of a pool even alone. */
export function checkFits(name: string, needed: number, maxMemory: number): void {
  if (needed <= maxMemory) return;
  throw new BitnetError(
    'ERR_BITNET_MEMORY',
    `Expected the model ${JSON.stringify(name)} to fit into the pool's ${text(maxMemory)} of memory, but its weights take ${text(needed)}; raise maxMemory, or use a smaller model.`,
    { needed, maxMemory },
  );
}
