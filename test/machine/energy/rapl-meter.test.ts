import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RaplMeter } from '../../../lib/machine/energy/rapl-meter.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { type FakeCounter, Powercap } from './powercap.js';

const file = tempFolder();
let folders = 0;
let now = 0;
const meters: RaplMeter[] = [];

afterEach(() => {
  for (const meter of meters.splice(0)) meter.close();
  vi.useRealTimers();
});

function open(counters: Readonly<Record<string, FakeCounter>>) {
  const powercap = new Powercap(file(`powercap-${folders++}`), counters);
  now = 1000;
  const meter = new RaplMeter(powercap.folder, () => now);
  meters.push(meter);
  return { powercap, meter };
}

/** A package that counts to 262 kJ. */
const one: FakeCounter = { name: 'package-0', energy: 5_000_000 };

describe('the RAPL meter', () => {
  test('tells joules since it was opened, and when', async () => {
    const { powercap, meter } = open({ 'intel-rapl:0': one });
    expect(await meter.read()).toEqual({ joules: 0, seconds: 1000 });
    now += 2;
    powercap.set('intel-rapl:0', 5_000_000 + 123_456_789);
    expect(await meter.read()).toEqual({ joules: 123.456_789, seconds: 1002 });
    powercap.set('intel-rapl:0', 5_000_000 + 123_500_000);
    expect((await meter.read()).joules).toBeCloseTo(123.5, 9);
  });

  test('sums all packages and separate DRAM, never what is inside a package or around it', async () => {
    const { powercap, meter } = open({
      'intel-rapl:0': one,
      'intel-rapl:0:0': { name: 'core' },
      'intel-rapl:0:1': { name: 'uncore' },
      'intel-rapl:0:2': { name: 'dram' },
      'intel-rapl:1': { name: 'package-1' },
      'intel-rapl:1:0': { name: 'dram' },
      'intel-rapl:2': { name: 'psys' },
      'intel-rapl:10': { name: 'package-10-die-0' },
      'intel-rapl-mmio:0': { name: 'package-0' }, // the first package again
      'intel-rapl:0/intel-rapl:0:2': { name: 'dram' }, // the same as beside it
      dtpm: { name: 'package-3' },
    });
    expect(meter.source).toBe('rapl:package-0+dram+package-1+dram+package-10-die-0');
    now += 1;
    const used = {
      ...{ 'intel-rapl:0': 1, 'intel-rapl:0:2': 2, 'intel-rapl:1': 4, 'intel-rapl:1:0': 8 },
      ...{ 'intel-rapl:10': 16, 'intel-rapl:0:0': 32, 'intel-rapl:0:1': 64, 'intel-rapl:2': 128 },
      ...{ 'intel-rapl-mmio:0': 256, 'intel-rapl:0/intel-rapl:0:2': 512 },
    };
    for (const [entry, joules] of Object.entries(used)) {
      powercap.set(entry, joules * 1e6 + (entry === 'intel-rapl:0' ? 5e6 : 0));
    }
    expect((await meter.read()).joules).toBe(1 + 2 + 4 + 8 + 16);
  });

  test('goes on where a counter begins again at its range', async () => {
    const range = 262_143_328_850;
    const { powercap, meter } = open({
      'intel-rapl:0': { name: 'package-0', energy: range - 30e6, range },
    });
    now += 1;
    powercap.set('intel-rapl:0', 20e6);
    expect((await meter.read()).joules).toBe(50);
    now += 1;
    powercap.set('intel-rapl:0', 30e6);
    expect((await meter.read()).joules).toBe(60);
  });

  test('samples so often that no counter goes round unseen', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    // 2,000 W would take 20 s for all of it.
    const range = 40_000e6;
    const { powercap, meter } = open({ 'intel-rapl:0': { name: 'package-0', range } });
    for (let joules = 1500; joules <= 90_000; joules += 1500) {
      powercap.set('intel-rapl:0', (joules * 1e6) % range);
      now += 1;
      vi.advanceTimersByTime(1000);
    }
    expect((await meter.read()).joules).toBe(90_000);
  });

  test.each([
    ['without having reached its end', 262_143_328_850, 'went backwards without'],
    ['without telling its range', null, 'went backwards and does not tell its range'],
  ])('refuses a counter that goes backwards %s, from then on', async (_, range, words) => {
    const { powercap, meter } = open({
      'intel-rapl:0': { name: 'package-0', energy: 9e6, range },
      'intel-rapl:1': { name: 'package-1' },
    });
    now += 1;
    powercap.set('intel-rapl:0', 10e6);
    expect((await meter.read()).joules).toBe(1);
    now += 1;
    powercap.set('intel-rapl:0', 8e6);
    await expect(meter.read()).rejects.toThrow(words);
    now += 1;
    powercap.set('intel-rapl:0', 11e6);
    const fault = await meter.read().catch((error: Error) => error);
    expect(fault).toMatchObject({ name: 'EnergyFault' });
    expect((fault as Error).message).toMatch(/^the RAPL counter package-0 /);
  });

  test('without a range counts on as long as the counter does', async () => {
    const { powercap, meter } = open({ 'intel-rapl:0': { ...one, range: null } });
    now += 1;
    powercap.set('intel-rapl:0', 55e6);
    expect((await meter.read()).joules).toBe(50);
  });

  test.each([
    ['more than any machine takes', 5e6 + 2201e6, 'jumped: 2201 J where there were at most 2200 J'],
    ['no number', 'N/A', 'cannot be read any more'],
    ['a negative number', -5, 'cannot be read any more'],
    ['more than the range', 262_143_328_851, 'above its own range'],
  ])('refuses %s', async (_, value, words) => {
    const { powercap, meter } = open({ 'intel-rapl:0': one });
    now += 1;
    powercap.set('intel-rapl:0', value);
    await expect(meter.read()).rejects.toThrow(words);
  });

  test('refuses a counter that is not there any more, or was above its range from the start', async () => {
    const { powercap, meter } = open({ 'intel-rapl:0': one });
    rmSync(join(powercap.folder, 'intel-rapl:0'), { recursive: true });
    await expect(meter.read()).rejects.toThrow('cannot be read any more');
    const above = open({ 'intel-rapl:0': { ...one, range: 1e6 } });
    await expect(above.meter.read()).rejects.toThrow('above its own range');
  });
});
