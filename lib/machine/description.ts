import { arch, cpus, platform, release, totalmem } from 'node:os';
import { compiler, cpuInfo } from '../native.js';
import { packageVersion } from '../package-root.js';

/** What a machine is; what it can do at most is in `MachineLimits`. */
export interface Machine {
  readonly cpu: string;
  /** Logical cores of the machine. */
  readonly cores: number;
  /** Cores this process may use: affinity and container quota counted. */
  readonly usableCores: number;
  readonly memoryBytes: number;
  /** 'linux', 'darwin', 'win32'. */
  readonly platform: string;
  readonly osRelease: string;
  readonly arch: string;
  readonly isa: readonly string[];
}

export interface Build {
  readonly version: string;
  readonly compiler: string;
  readonly node: string;
}

/** This machine. */
export function describeMachine(): Machine {
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
