/**
 * `date` in local time by a format of Python's strftime, as far as chat templates use it; names are
 * English, an unknown directive stands as it is.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([a-zA-Z%])/g, (directive, letter: string) => {
    return directives[letter]?.(date) ?? directive;
  });
}

const directives: Readonly<Record<string, (date: Date) => string>> = {
  '%': () => '%',
  Y: (date) => String(date.getFullYear()),
  y: (date) => two(date.getFullYear() % 100),
  m: (date) => two(date.getMonth() + 1),
  d: (date) => two(date.getDate()),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  M: (date) => two(date.getMinutes()),
  S: (date) => two(date.getSeconds()),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  A: (date) => date.toLocaleDateString('en-US', { weekday: 'long' }),
  a: (date) => date.toLocaleDateString('en-US', { weekday: 'short' }),
  B: (date) => date.toLocaleDateString('en-US', { month: 'long' }),
  b: (date) => date.toLocaleDateString('en-US', { month: 'short' }),
};

function two(number: number): string {
  return String(number).padStart(2, '0');
}
