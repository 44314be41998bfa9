import { bytes } from '../../lib/byte-size.js';
import { count } from '../../lib/count.js';
import { digits } from '../report/numbers.js';
import type { BenchReport } from '../report/report.js';
import { type Markup, markup } from './markup.js';

/** What was measured on, with what, and how. */
export function machineList({ date, machine, build, command }: BenchReport): Markup {
  const on = (threads: number) => `on ${count(threads, 'thread')}`;
  const reads = machine.readBandwidth.map(
    ({ threads, gbPerSecond }) => `${digits(gbPerSecond)} GB/s ${on(threads)}`,
  );
  const multiplies = machine.multiplyPeak.map(
    ({ threads, gmacPerSecond }) => `${digits(gmacPerSecond)} GMAC/s ${on(threads)}`,
  );
  const rows: [string, string][] = [
    ['Measured', date],
    ['CPU', machine.cpu],
    ['Cores', `${machine.usableCores} of ${machine.cores}`],
    ['Memory', bytes(machine.memoryBytes)],
    ['System', `${machine.platform} ${machine.osRelease}, ${machine.arch}`],
    ['Instruction sets', machine.isa.join(', ')],
    ['Read bandwidth', reads.join(', ')],
    ['Multiply peak', `${machine.multiplyInstruction}: ${multiplies.join(', ')}`],
    ['Program', `bitnet ${build.version}, ${build.compiler}, Node ${build.node}`],
  ];
  const line = command === null ? '' : markup`<dt>Command</dt><dd><code>${command}</code></dd>`;
  return markup`
<dl>${rows.map(
    ([name, value]) => markup`
<dt>${name}</dt><dd>${value}</dd>`,
  )}
${line}
</dl>`;
}
