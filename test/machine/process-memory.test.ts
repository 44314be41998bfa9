import { describe, expect, test } from 'vitest';
import { parseStatus, processMemory } from '../../lib/machine/process-memory.js';

describe('process memory', () => {
  test('is read from the status of Linux, in bytes', () => {
    const status =
      'Name:\tnode\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nRssAnon:\t      10 kB\nRssFile:\t 5 kB\n';
    expect(parseStatus(status)).toEqual({
      ...{ peakRss: 2_097_152, anonymousRss: 10_240, fileRss: 5120 },
    });
    expect(parseStatus('Name:\tnode\n')).toEqual({
      ...{ peakRss: null, anonymousRss: null, fileRss: null },
    });
  });

  test('of this process has a peak of at least what it has now', () => {
    const { peakRss, anonymousRss } = processMemory();
    expect(peakRss).toBeGreaterThan(2 ** 24);
    if (process.platform === 'linux') expect(peakRss).toBeGreaterThan(anonymousRss!);
  });
});
