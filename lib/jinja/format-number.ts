import { JinjaError } from './errors.js';
import { lengthOf } from './text.js';

export interface NumberFormat {
  /** d, x, X, o, b, e, E, f, F, g, G or % */
  readonly type: string;
  /** What stands before a number that is not negative: `-` for nothing. */
  readonly sign: string;
  readonly precision: number | undefined;
  /** `0x` before hexadecimal digits, and so on. */
  readonly alternate: boolean;
  /** Between thousands. */
  readonly comma: string;
}

/** A number as printf and Python's `format` write it. */
export function numberText(value: number, format: NumberFormat): string {
  const negative = value < 0 || Object.is(value, -0);
  const sign =
    negative && !(value === 0 && 'dxXob'.includes(format.type))
      ? '-'
      : format.sign.replace('-', '');
  return sign + grouped(digits(Math.abs(value), format), format.comma);
}

function digits(value: number, { type, precision = 6, alternate }: NumberFormat): string {
  const upper = type !== type.toLowerCase();
  const text = () => {
    switch (type.toLowerCase()) {
      case 'd':
        return String(value);
      case 'x':
        return (alternate ? '0x' : '') + value.toString(16);
      case 'o':
        return (alternate ? '0o' : '') + value.toString(8);
      case 'b':
        return (alternate ? '0b' : '') + value.toString(2);
      case 'e':
        return exponent(value.toExponential(bounded(precision)));
      case 'f':
        return fixed(value, bounded(precision));
      case 'g':
        return general(value, Math.max(1, bounded(precision)));
      case '%':
        return `${fixed(value * 100, bounded(precision))}%`;
      default:
        throw new JinjaError(`Unknown format code '${type}'`);
    }
  };
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : upper ? 'INF' : 'inf';
  return upper ? text().toUpperCase() : text();
}

/** Digits after the point that JavaScript can write. */
function bounded(precision: number): number {
  if (precision > 100) throw new JinjaError('precision too big');
  return precision;
}

/** Rounded half to even where the number lies exactly between, as Python does; toFixed rounds up. */
export function fixed(value: number, precision: number): string {
  const text = value.toFixed(precision);
  if (value >= 1e21)
    return BigInt(value).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '');
  const exact = value.toFixed(Math.min(100, precision + 30));
  const rest = exact.slice(exact.indexOf('.') + 1 + precision);
  if (!/^50*$/.test(rest)) return text;
  const down = exact.slice(0, exact.length - rest.length).replace(/\.$/, '');
  return Number(down.at(-1)) % 2 === 0 ? down : text;
}

function general(value: number, precision: number): string {
  const [mantissa, power] = value.toExponential(precision - 1).split('e') as [string, string];
  const size = Number(power);
  if (size < -4 || size >= precision) return exponent(`${short(mantissa)}e${power}`);
  return short(value.toFixed(precision - 1 - size));
}

/** Without zeros at the end of a fraction. */
function short(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function exponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, 'e$10$2');
}

function grouped(text: string, comma: string): string {
  if (comma === '') return text;
  const [whole, ...fraction] = text.split('.');
  return [whole!.replace(/\B(?=(?:\d{3})+$)/g, comma), ...fraction].join('.');
}

/** `text` in a field of `width`; `=` pads after the sign. */
export function padded(text: string, width: number, align: string, fill = ' '): string {
  const space = Math.max(0, width - lengthOf(text));
  if (space === 0) return text;
  if (align === '<') return text + fill.repeat(space);
  if (align === '^') {
    const left = Math.floor(space / 2);
    return fill.repeat(left) + text + fill.repeat(space - left);
  }
  const sign = align === '=' ? (/^[-+ ]?(?:0[xob])?/.exec(text)?.[0] ?? '') : '';
  return sign + fill.repeat(space) + text.slice(sign.length);
}
