/** One thing that was looked at. */
export interface Check {
  /** What: 'addon', 'cpu', 'kernels', 'bandwidth', 'memory', 'pages', 'cache', 'energy', or of a model. */
  readonly subject: string;
  /** `warn`: it works, but not as well as it could, or something could not be tested. */
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly message: string;
  /** What to do about it; null where nothing is needed or helps. */
  readonly remedy: string | null;
}

export function ok(subject: string, message: string): Check {
  return { subject, status: 'ok', message, remedy: null };
}

export function warn(subject: string, message: string, remedy: string | null = null): Check {
  return { subject, status: 'warn', message, remedy };
}

export function fail(subject: string, message: string, remedy: string | null = null): Check {
  return { subject, status: 'fail', message, remedy };
}

/** Bytes as a person reads them. */
export function size(bytes: number): string {
  return bytes < 2 ** 30
    ? `${(bytes / 2 ** 20).toFixed(1)} MiB`
    : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
