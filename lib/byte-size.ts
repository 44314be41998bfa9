/** `1.10 GiB`, `512.0 MiB`, `32 bytes`: a number of bytes as people read it. */
export function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const decimals = (unit: number) => (unit === 0 ? 0 : unit < 3 ? 1 : 2);
  let value = count;
  let unit = 0;
  // What would be shown as 1024.0 is one of the next unit.
  while (Number(value.toFixed(decimals(unit))) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(decimals(unit))} ${units[unit]}`;
}

/** `16.0 GB`, as memory is given to `--memory`. */
export function gigabytes(count: number): string {
  return `${(count / 1e9).toFixed(1)} GB`;
}
