import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openMeter } from '../../../lib/machine/energy/open-meter.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { onlyPowercap, Powercap } from './powercap.js';

const file = tempFolder();

function script(name: string, text: string): string {
  writeFileSync(file(name), `#!/bin/sh\n${text}\n`);
  chmodSync(file(name), 0o755);
  return file(name);
}

describe('openMeter', () => {
  test('on Linux reads powercap', async () => {
    const { folder } = new Powercap(file('powercap'), { 'intel-rapl:0': { name: 'package-0' } });
    const { meter } = openMeter({ platform: 'linux', linux: onlyPowercap(folder) });
    expect(meter?.source).toBe('rapl:package-0');
    expect(await meter!.read()).toMatchObject({ joules: 0 });
    meter!.close();
  });

  test.each([
    ['nothing', {}],
    ['psys alone', { 'intel-rapl:0': { name: 'psys' } }],
    ['DRAM alone', { 'intel-rapl:0': { name: 'dram' } }],
    ['a package without a counter', { 'intel-rapl:0': { name: 'package-0', energy: null } }],
  ])('says why there is no meter where powercap has %s', (name, counters) => {
    const { folder } = new Powercap(file(`powercap with ${name}`), counters);
    expect(openMeter({ platform: 'linux', linux: onlyPowercap(folder) })).toEqual({
      meter: null,
      reason:
        'the kernel shows no RAPL counters, which virtual machines and containers hide; run on the machine itself, with the module intel_rapl_msr loaded',
    });
  });

  test('says who may read counters, and how they become readable', () => {
    const name = 'locked';
    const { folder } = new Powercap(file(name), {
      'intel-rapl:0': { name: 'package-0' },
      'intel-rapl:0:0': { name: 'dram', energy: null },
    });
    // A folder cannot be read as a file, not by root either.
    mkdirSync(join(folder, 'intel-rapl:0:0', 'energy_uj'));
    expect(openMeter({ platform: 'linux', linux: onlyPowercap(folder) })).toEqual({
      meter: null,
      reason: `the RAPL counters are readable for root only; sudo chmod a+r ${folder}/intel-rapl:*/energy_uj (until the next start)`,
    });
  });

  test.skipIf(process.getuid?.() === 0)('respects the mode of the file', () => {
    const { folder } = new Powercap(file('mode'), { 'intel-rapl:0': { name: 'package-0' } });
    chmodSync(join(folder, 'intel-rapl:0', 'energy_uj'), 0o400);
    expect(openMeter({ platform: 'linux', linux: onlyPowercap(folder) }).meter).not.toBeNull();
    chmodSync(join(folder, 'intel-rapl:0', 'energy_uj'), 0);
    expect(openMeter({ platform: 'linux', linux: onlyPowercap(folder) }).meter).toBeNull();
  });

  test('has nothing to read on other systems', () => {
    expect(openMeter({ platform: 'win32' })).toEqual({
      meter: null,
      reason: 'this operating system shows no energy counters',
    });
  });
});

// The fakes are shell scripts.
describe.skipIf(process.platform === 'win32')('openMeter on macOS', () => {
  const open = (powermetrics: string, sudo: string, root = false) =>
    openMeter({ platform: 'darwin', programs: { powermetrics, sudo, root } });
  const heading =
    '*** Sampled system activity (Fri Nov 20 10:00:00 2026 +0100) (100.04ms elapsed) ***';
  const samples = (...lines: string[]) =>
    `while true; do\n${[heading, 'CPU Power: 1 mW', ...lines].map((line) => `echo '${line}'`).join('\n')}\nsleep 0.02; done`;
  const refuse = () => script('sudo-refuses', 'exit 1');
  // As sudo does: -n, then -l to ask, or the command.
  const allow = () => script('sudo-allows', 'shift; [ "$1" = -l ] && exit 0; exec "$@"');

  test.each([
    ['Apple chips', 'Combined Power (CPU + GPU + ANE): 12500 mW', 12.5],
    ['older Apple chips', 'Package Power: 7000 mW', 7],
    ['Intel chips', 'Intel energy model derived package power (CPUs+GT+SA): 20.25W', 20.25],
  ])('adds up the samples of %s', async (name, line, watts) => {
    const program = script(`powermetrics of ${name}`, samples(line, 'Package Power: 99 W'));
    const { meter } = open(program, refuse(), true);
    expect(meter?.source).toBe('powermetrics:package');
    const before = await meter!.read();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const after = await meter!.read();
    expect(after.seconds - before.seconds).toBeGreaterThan(0.09);
    const power = (after.joules - before.joules) / (after.seconds - before.seconds);
    expect(power).toBeCloseTo(watts, 6);
    meter!.close();
  });

  test('goes through sudo where that asks for no password', async () => {
    const program = script('powermetrics', samples('Combined Power (CPU + GPU + ANE): 1000 mW'));
    const { meter } = open(program, allow());
    await meter!.read();
    meter!.close();
  });

  test('says what may not be started', () => {
    const program = script('powermetrics forbidden', 'touch started; exit 1');
    expect(open(program, refuse())).toEqual({
      meter: null,
      reason: `powermetrics works for root only; run with sudo, or let sudo start ${program} without a password`,
    });
    expect(open(file('nothere'), allow())).toMatchObject({
      reason: expect.stringContaining('nothere, which measures energy on macOS, is not there'),
    });
  });

  test('fails where powermetrics does, before or after samples', async () => {
    const ends = open(script('ends', 'exit 1'), refuse(), true).meter!;
    await expect(ends.read()).rejects.toThrow('powermetrics ended unexpectedly');
    const once = `echo '${heading}'; echo 'Combined Power (CPU): 1 mW'; sleep 0.2`;
    const stops = open(script('stops', once), refuse(), true).meter!;
    await expect(stops.read()).rejects.toMatchObject({ name: 'EnergyFault' });
    const broken = script('broken', '');
    chmodSync(broken, 0o644);
    const failed = open(broken, refuse(), true).meter!;
    await expect(failed.read()).rejects.toThrow(/^powermetrics failed: .*EACCES/);
    for (const meter of [ends, stops, failed]) meter.close();
  });
});
