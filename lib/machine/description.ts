import { arch, cpus, platform, release, totalmem } from 'node:os';
import type { Build, Machine } from '../../bench/report.js';
import { compiler, cpuInfo } from '../native.js';
import { packageVersion } from '../package-root.js';

/** This machine, all but its limits. */
export function describeMachine(): Omit<
  Machine,
  'readBandwidth' | 'multiplyPeak' | 'multiplyInstruction'
> {
  const { isa, threads } = cpuInfo();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    usableCores: threads,
    memoryBytes: totalmem(),
    platform: platform(),
    osRelease: release(),
    arch: arch(),
    isa,
  };
}

export function describeBuild(): Build {
  return { version: packageVersion(), compiler: compiler(), node: process.versions.node };
}
