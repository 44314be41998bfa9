import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Linux shows the counters of the Running Average Power Limit (Intel and AMD). */
export const powercapFolder = '/sys/class/powercap';

/** A counter of energy in microjoules that begins at 0 again after `range` of them. */
export interface RaplCounter {
  /** 'package-0', 'core', 'uncore', 'dram', 'psys'. */
  readonly name: string;
  readonly folder: string;
}

/**
 * All counters, in the order of their sockets. The folder lists each one once, nested ones too ('intel-rapl:0:1' is part of
 * 'intel-rapl:0'); 'intel-rapl-mmio:0' is the first package again, read in another way, and left out.
 */
export function raplCounters(folder = powercapFolder): RaplCounter[] {
  return entriesOf(folder)
    .map((entry) => /^intel-rapl:(\d+)(?::(\d+))?$/.exec(entry))
    .filter((match) => match !== null)
    .sort((a, b) => Number(a[1]) - Number(b[1]) || Number(a[2] ?? -1) - Number(b[2] ?? -1))
    .flatMap(([entry]) => {
      const counter = join(folder, entry);
      const name = nameOf(counter);
      return name && existsSync(join(counter, 'energy_uj')) ? [{ name, folder: counter }] : [];
    });
}

/**
 * Those whose sum is what CPU and memory take: packages, and DRAM, which is counted beside them. Cores and graphics are inside a
 * package and 'psys' has the packages inside it, so that either would count energy twice.
 */
export function countersToSum(counters: readonly RaplCounter[]): RaplCounter[] {
  const packages = counters.filter(({ name }) => name.startsWith('package-'));
  return packages.length === 0
    ? []
    : counters.filter((counter) => packages.includes(counter) || counter.name === 'dram');
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function nameOf(counter: string): string | null {
  try {
    return readFileSync(join(counter, 'name'), 'utf8').trim();
  } catch {
    return null;
  }
}
