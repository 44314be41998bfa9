import { readFileSync } from 'node:fs';

/** Physical memory of a process, in bytes; null where the system does not tell. */
export interface ProcessMemory {
  /** The most it had at any time. */
  readonly peakRss: number | null;
  /** What it has now that is not backed by a file. */
  readonly anonymousRss: number | null;
  /** What it has now that is: programs, libraries and mapped files. */
  readonly fileRss: number | null;
}

/** Of this process. */
export function processMemory(): ProcessMemory {
  try {
    return parseStatus(readFileSync('/proc/self/status', 'utf8'));
  } catch {
    // Not Linux. Node gives the peak in kibibytes on every system.
    return {
      peakRss: process.resourceUsage().maxRSS * 1024 || null,
      anonymousRss: null,
      fileRss: null,
    };
  }
}

/** Reads the text of Linux's /proc/<pid>/status. */
export function parseStatus(status: string): ProcessMemory {
  const kibibytes = (name: string) => {
    const [, digits] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    return digits === undefined ? null : Number(digits) * 1024;
  };
  return {
    peakRss: kibibytes('VmHWM'),
    anonymousRss: kibibytes('RssAnon'),
    fileRss: kibibytes('RssFile'),
  };
}
