/** Measures the energy that the machine, or its CPU and memory, take, for whatever reason. */
export interface EnergyMeter {
  /** What is counted: 'rapl:package-0+dram', 'perf:energy-pkg', 'battery:BAT0'. */
  readonly source: string;
  /** Seconds after which its numbers are new ones, about. */
  readonly resolution: number;
  /** What was used since the meter was opened. @throws EnergyFault from when on its counters cannot be relied on */
  read(): Promise<EnergyReading>;
  close(): void;
}

export interface EnergyReading {
  readonly joules: number;
  /** When this was so, on a clock that began before the meter. */
  readonly seconds: number;
}
