import type { BenchReport, BenchResult } from '../../bench/report/report.js';

/** One JSON object a line: a result with the machine, the build and the command it comes from. */
export function jsonLines({ results, ...rest }: BenchReport): string[] {
  return results.map((result) => JSON.stringify({ ...rest, ...result }));
}

/** Comma-separated values as RFC 4180 has them: a heading, then a line a result; names of parts are joined by points. */
export function csvLines({ date, machine, build, results, cut }: BenchReport): string[] {
  return csvOf(
    results.map((result) => ({
      date,
      cpu: machine.cpu,
      version: build.version,
      compiler: build.compiler,
      ...short(result),
      ...(cut && { cut }),
    })),
  );
}

/** A heading with the names in all of these objects, then a line for each. */
export function csvOf(objects: readonly object[]): string[] {
  const records = objects.map((object) => flat(object));
  const names = [...new Set(records.flatMap((record) => [...record.keys()]))];
  const line = (cells: readonly string[]) => cells.map(quoted).join(',');
  return [line(names), ...records.map((record) => line(names.map((n) => record.get(n) ?? '')))];
}

/** Without lists, but for the samples. */
function short({ tuning, samples, joulesPerTokenSamples, ...rest }: BenchResult): object {
  return {
    ...{ ...rest, samples: samples.join(' ') },
    joulesPerTokenSamples: joulesPerTokenSamples.join(' '),
  };
}

function flat(value: object, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, item] of Object.entries(value)) {
    const path = `${prefix}${name}`;
    if (item !== null && typeof item === 'object') {
      for (const [key, text] of flat(item, `${path}.`)) found.set(key, text);
    } else {
      found.set(path, item === null || item === undefined ? '' : String(item));
    }
  }
  return found;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
