import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { energyAvailability } from '../../../lib/machine/energy/availability.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { onlyPowercap } from './powercap.js';

const file = tempFolder();

function powercap(name: string, counters: Record<string, string>): string {
  const folder = file(name);
  mkdirSync(folder);
  for (const [entry, label] of Object.entries(counters)) {
    mkdirSync(join(folder, entry));
    writeFileSync(join(folder, entry, 'name'), `${label}\n`);
    writeFileSync(join(folder, entry, 'energy_uj'), '123456\n');
  }
  return folder;
}

describe('energyAvailability', () => {
  it('finds the counters of Linux', () => {
    const folder = powercap('all', {
      'intel-rapl:0': 'package-0',
      'intel-rapl:0:0': 'core',
      'intel-rapl:0:1': 'dram',
      'intel-rapl-mmio:0': 'package-0',
    });
    expect(energyAvailability('linux', onlyPowercap(folder))).toEqual({
      available: true,
      source: 'rapl',
      domains: ['package-0', 'core', 'dram'],
      reason: null,
      remedy: null,
    });
  });

  it('says why there are none: a virtual machine, or another system', () => {
    const none = { available: false, source: null, domains: [] };
    for (const folder of [file('missing'), powercap('empty', {})]) {
      const found = energyAvailability('linux', onlyPowercap(folder));
      expect(found).toMatchObject(none);
      expect(found.reason).toContain('virtual machines');
      expect(found.remedy).toContain('intel_rapl_msr');
    }
    expect(energyAvailability('win32')).toMatchObject({ ...none, remedy: null });
    const psys = powercap('psys', { 'intel-rapl:1': 'psys' });
    expect(energyAvailability('linux', onlyPowercap(psys))).toMatchObject({
      available: false,
      source: null,
    });
  });

  // Root reads everything.
  it.skipIf(process.getuid?.() === 0)('says who may read them', () => {
    const folder = powercap('locked', { 'intel-rapl:0': 'package-0' });
    chmodSync(join(folder, 'intel-rapl:0', 'energy_uj'), 0);
    const found = energyAvailability('linux', onlyPowercap(folder));
    expect(found).toMatchObject({ available: false, source: 'rapl', domains: ['package-0'] });
    expect(found.remedy).toContain('sudo chmod a+r');
  });

  it('takes a counter that cannot be read for one that is not available', () => {
    const folder = powercap('directory', { 'intel-rapl:0': 'package-0' });
    mkdirSync(join(folder, 'intel-rapl:1', 'energy_uj'), { recursive: true });
    writeFileSync(join(folder, 'intel-rapl:1', 'name'), 'package-1');
    const found = energyAvailability('linux', onlyPowercap(folder));
    expect(found).toMatchObject({ available: false, source: 'rapl' });
    expect(found.reason).toContain('root only');
  });
});
