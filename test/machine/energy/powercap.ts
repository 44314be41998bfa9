import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LinuxPlaces } from '../../../lib/machine/energy/availability.js';

/** A counter as a folder of powercap has it, in microjoules; null for a file that is not there. */
export interface FakeCounter {
  readonly name: string;
  readonly energy?: number | null;
  readonly range?: number | null;
}

/** A Linux that shows energy there alone, whatever this machine has. */
export function onlyPowercap(powercap: string): LinuxPlaces {
  const nowhere = join(powercap, 'nowhere');
  return {
    ...{ powercap, sysClass: nowhere, powerEvents: nowhere, paranoid: nowhere },
    ...{ path: nowhere, root: false },
  };
}

/** A folder like /sys/class/powercap, with counters that stand still until they are set. */
export class Powercap {
  constructor(
    readonly folder: string,
    counters: Readonly<Record<string, FakeCounter>>,
  ) {
    mkdirSync(folder, { recursive: true });
    for (const [entry, { name, energy = 0, range = 262_143_328_850 }] of Object.entries(counters)) {
      this.#write(entry, 'name', name);
      if (energy !== null) this.set(entry, energy);
      if (range !== null) this.#write(entry, 'max_energy_range_uj', range);
    }
  }

  set(entry: string, microjoules: number | string): void {
    this.#write(entry, 'energy_uj', microjoules);
  }

  #write(entry: string, file: string, value: number | string): void {
    const path = join(this.folder, entry, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${value}\n`);
  }
}
