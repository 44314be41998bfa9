import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { compiler, cpuInfo } from '../native.js';
import { packageRoot } from '../package-root.js';
import type { Build, Machine } from './report.js';

/** This machine, all but its bandwidth. */
export function describeMachine(): Omit<Machine, 'readBandwidth'> {
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
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return { version, compiler: compiler(), node: process.versions.node };
}
