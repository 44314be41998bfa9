import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { energyAvailability, type LinuxPlaces } from '../../../lib/machine/energy/availability.js';
import type { EnergyMeter } from '../../../lib/machine/energy/meter.js';
import { openMeter } from '../../../lib/machine/energy/open-meter.js';
import { PowerMeter } from '../../../lib/machine/energy/power-meter.js';
import { powerSource } from '../../../lib/machine/energy/power-sources.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { onlyPowercap, Powercap } from './powercap.js';

const file = tempFolder();
const meters: EnergyMeter[] = [];
let folders = 0;

afterEach(() => {
  for (const meter of meters.splice(0)) meter.close();
});

/** A folder with these files in it. */
function tree(files: Readonly<Record<string, string | number>>): string {
  const folder = file(`tree-${folders++}`);
  for (const [name, content] of Object.entries(files)) put(folder, name, content);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function put(folder: string, name: string, content: string | number): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), `${content}\n`);
}

const battery = (
  name: string,
  rest: Readonly<Record<string, string | number>>,
): Record<string, string | number> => {
  const entries = Object.entries({ type: 'Battery', status: 'Discharging', ...rest });
  return Object.fromEntries(entries.map(([key, value]) => [`power_supply/${name}/${key}`, value]));
};

function powerMeter(folder: string) {
  let now = 100;
  const meter = new PowerMeter(powerSource(folder)!, () => now);
  meters.push(meter);
  const wait = (seconds: number) => {
    now += seconds;
  };
  return { meter, wait };
}

describe('the power of a machine', () => {
  test.each<[string, Record<string, string | number>, string, number]>([
    ['a battery that tells power', battery('BAT0', { power_now: 7_500_000 }), 'battery:BAT0', 7.5],
    [
      'one that tells a negative current and a voltage',
      battery('BAT1', { current_now: -1_500_000, voltage_now: 12_000_000 }),
      'battery:BAT1',
      18,
    ],
    [
      'two batteries, of which one is discharged',
      {
        ...battery('BAT0', { status: 'Unknown', power_now: 0 }),
        ...battery('BAT1', { power_now: 9_000_000 }),
        ...battery('mouse', { scope: 'Device', power_now: 1 }),
      },
      'battery:BAT0+BAT1',
      9,
    ],
    [
      'the power meter of a server, before its batteries',
      {
        'hwmon/hwmon0/name': 'amdgpu',
        'hwmon/hwmon0/power1_average': 99_000_000,
        'hwmon/hwmon1/name': 'power_meter',
        'hwmon/hwmon1/power1_average': 210_000_000,
        ...battery('BAT0', { power_now: 7_500_000 }),
      },
      'hwmon:power_meter',
      210,
    ],
    [
      'the whole board of a Jetson, not its rails',
      {
        'hwmon/hwmon2/name': 'ina3221',
        'hwmon/hwmon2/in1_label': 'VDD_CPU',
        'hwmon/hwmon2/in1_input': 5000,
        'hwmon/hwmon2/curr1_input': 400,
        'hwmon/hwmon2/in2_label': 'VDD_IN',
        'hwmon/hwmon2/in2_input': 5000,
        'hwmon/hwmon2/curr2_input': 1300,
      },
      'hwmon:ina3221:VDD_IN',
      6.5,
    ],
  ])('is that of %s', (_, files, name, watts) => {
    const source = powerSource(tree(files))!;
    expect(source.name).toBe(name);
    expect(source.watts()).toBeCloseTo(watts, 9);
  });

  test.each<[string, Record<string, string | number>]>([
    ['nothing', {}],
    ['a battery being charged', battery('BAT0', { status: 'Charging', power_now: 7_500_000 })],
    ['a full one', battery('BAT0', { status: 'Full', power_now: 0 })],
    ['the mains', { 'power_supply/AC/type': 'Mains', 'power_supply/AC/online': 1 }],
    ['a battery without numbers', battery('BAT0', {})],
    ['a graphics card', { 'hwmon/hwmon0/name': 'amdgpu', 'hwmon/hwmon0/power1_average': 1 }],
    ['a meter that says nothing', { 'hwmon/hwmon0/name': 'power_meter' }],
    ['nonsense', battery('BAT0', { power_now: '1e9999' })],
  ])('is not told by %s', (_, files) => {
    expect(powerSource(tree(files))).toBeNull();
  });

  test('is added up: what is shown holds until something else is shown', async () => {
    const folder = tree(battery('BAT0', { power_now: 6_000_000 }));
    const { meter, wait } = powerMeter(folder);
    expect(await meter.read()).toEqual({ joules: 0, seconds: 100 });
    wait(10);
    expect(await meter.read()).toEqual({ joules: 60, seconds: 110 });
    put(folder, 'power_supply/BAT0/power_now', 8_000_000);
    await meter.read();
    wait(5);
    expect(await meter.read()).toEqual({ joules: 100, seconds: 115 });
  });

  test('is not believed any more once the battery has been charged', async () => {
    const folder = tree(battery('BAT0', { power_now: 6_000_000 }));
    const { meter, wait } = powerMeter(folder);
    put(folder, 'power_supply/BAT0/status', 'Charging');
    wait(1);
    await expect(meter.read()).rejects.toThrow('battery:BAT0 does not tell its power any more');
    put(folder, 'power_supply/BAT0/status', 'Discharging');
    await expect(meter.read()).rejects.toMatchObject({ name: 'EnergyFault' });
  });
});

// The fake is a shell script.
describe.skipIf(process.platform === 'win32')('perf', () => {
  function places(script: string, { paranoid = 0, root = false, ram = true } = {}): LinuxPlaces {
    const folder = tree({
      paranoid,
      'bin/perf': `#!/bin/sh\n${script}`,
      'events/energy-pkg': 'event=0x02',
      ...(ram ? { 'events/energy-ram': 'event=0x03' } : {}),
    });
    chmodSync(join(folder, 'bin/perf'), 0o755);
    return {
      ...onlyPowercap(join(folder, 'powercap')),
      ...{ powerEvents: join(folder, 'events'), paranoid: join(folder, 'paranoid'), root },
      path: join(folder, 'bin'),
    };
  }

  const line = (joules: number | string, event: string) =>
    `echo "0.1;${joules};Joules;power/${event}/;100000;100.00;;" >&2`;
  const samples = (...lines: string[]) => `while :; do\n${lines.join('\n')}\nsleep 0.02; done`;

  function open(linux: LinuxPlaces): EnergyMeter {
    const { meter } = openMeter({ platform: 'linux', linux });
    meters.push(meter!);
    return meter!;
  }

  test('adds up packages and memory, interval by interval', async () => {
    const meter = open(places(samples(line(1.5, 'energy-pkg'), line('0.5', 'energy-ram'))));
    expect(meter.source).toBe('perf:energy-pkg+energy-ram');
    const before = await meter.read();
    let after = before;
    // Each interval has 2 J: after at least three of them there are 6.
    while (after.joules - before.joules < 6) after = await meter.read();
    expect(after.seconds).toBeGreaterThan(before.seconds);
  });

  test.each([
    ['what it cannot count', '<not supported>'],
    ['what nobody can take', '-1'],
  ])('is not believed: %s', async (_, joules) => {
    const meter = open(places(samples(line(joules, 'energy-pkg')), { ram: false }));
    await expect(meter.read()).rejects.toThrow(`perf cannot count power/energy-pkg/: ${joules}`);
  });

  test('says when it ends', async () => {
    await expect(open(places('exit 1')).read()).rejects.toThrow('perf ended unexpectedly');
  });

  test('counts for whom the kernel lets it', () => {
    const source = (linux: LinuxPlaces) => energyAvailability('linux', linux).source;
    expect(source(places(''))).toBe('perf');
    expect(source(places('', { paranoid: 2 }))).toBeNull();
    expect(source(places('', { paranoid: 2, root: true }))).toBe('perf');
    expect(source({ ...places(''), path: '' })).toBeNull();
  });
});

test('the finest source there is comes first', () => {
  const sysClass = tree(battery('BAT0', { power_now: 6_000_000 }));
  const { folder } = new Powercap(file('finest'), { 'intel-rapl:0': { name: 'package-0' } });
  const laptop = { ...onlyPowercap(folder), sysClass };
  expect(energyAvailability('linux', laptop)).toMatchObject({ source: 'rapl' });
  const closed = { ...onlyPowercap(file('nothing')), sysClass };
  expect(energyAvailability('linux', closed)).toEqual({
    ...{ available: true, source: 'battery', domains: ['BAT0'], reason: null, remedy: null },
  });
});
