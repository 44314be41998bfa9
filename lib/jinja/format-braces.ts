import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { numberText, padded } from './format-number.js';
import { numeric } from './protocol.js';
import { type Arguments, Float, typeName, type Value } from './values.js';
import { floatText, repr, str } from './write.js';

/** `format.format(…)`: `{}`, `{0}`, `{name!r:>8.2f}`. */
export function formatBraces(format: string, args: Arguments, budget: Budget): string {
  let next = 0;
  const value = (path: string): Value => {
    const byPosition = /^\d*$/.test(path);
    const found = byPosition
      ? args.positional[path === '' ? next++ : Number(path)]
      : args.named.get(path);
    if (found !== undefined) return found;
    throw new JinjaError(
      byPosition
        ? `Replacement index ${path || next - 1} out of range for positional args tuple`
        : `'${path}'`,
    );
  };
  let length = 0;
  return format.replace(field, (all, path?: string, conversion?: string, spec?: string) => {
    const text = () => {
      if (all === '{{' || all === '}}') return all[0]!;
      if (path === undefined) throw new JinjaError(`Single '${all}' encountered in format string`);
      const filled = (spec ?? '').replace(/\{([^{}]*)\}/g, (_, inner: string) =>
        str(value(inner), budget),
      );
      const found = value(path);
      return formatted(conversion ? converted(found, conversion, budget) : found, filled, budget);
    };
    const result = text();
    length += result.length;
    budget.spendText(length);
    return result;
  });
}

const field = /\{\{|\}\}|\{([^{}!:]*)(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]*\})*))?\}|[{}]/g;

function converted(value: Value, conversion: string, budget: Budget): string {
  return conversion === 's' ? str(value, budget) : repr(value, budget);
}

/** `value` by a format specification: `[[fill]align][sign][#][0][width][,][.precision][type]`. */
function formatted(value: Value, spec: string, budget: Budget): string {
  const parts = specification.exec(spec);
  if (!parts) throw new JinjaError(`Invalid format specifier '${spec}'`);
  const [, fill, align, sign = '-', alternate, zero, widthText, comma = '', precisionText, type] =
    parts;
  const width = Number(widthText ?? 0);
  const precision = precisionText === undefined ? undefined : Number(precisionText);
  budget.spendText(width + (precision ?? 0));
  const number = typeof value === 'boolean' && type === undefined ? undefined : numeric(value);
  if (number === undefined) {
    if (type !== undefined && type !== 's') {
      throw new JinjaError(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
    }
    const text = str(value, budget);
    const cut = precision === undefined ? text : [...text].slice(0, precision).join('');
    return padded(cut, width, align ?? (zero ? '=' : '<'), fill ?? (zero ? '0' : ' '));
  }
  const kind = type ?? (value instanceof Float ? (precision === undefined ? 'r' : 'g') : 'd');
  const text =
    kind === 'r'
      ? floatText(number)
      : numberText(number, {
          type: kind,
          sign,
          precision,
          alternate: alternate !== undefined,
          comma,
        });
  return padded(text, width, align ?? (zero ? '=' : '>'), fill ?? (zero ? '0' : ' '));
}

const specification =
  /^(?:([\s\S])?([<>^=]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/u;
