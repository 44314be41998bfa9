import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { numberText, padded } from './format-number.js';
import { maxTextLength } from './limits.js';
import { numeric } from './protocol.js';
import { Dict, Float, isList, Range, Tuple, typeName, Undefined, type Value } from './values.js';
import { repr, str } from './write.js';

/** `format % values`, as printf does it: `%s`, `%d`, `%5.2f`, `%(name)s` … */
export function formatPercent(format: string, values: Value, budget: Budget): string {
  const list = values instanceof Tuple ? values.items : [values];
  let next = 0;
  let named = false;
  const take = (): Value => {
    if (next >= list.length) throw new JinjaError('not enough arguments for format string');
    return list[next++]!;
  };
  const size = (text: string | undefined): number | undefined =>
    text === '*' ? (numeric(take()) ?? 0) : text === undefined ? undefined : Number(text);
  let length = format.length;
  const result = format.replace(
    directive,
    (all, key?: string, flags?: string, widthText?: string, dotText?: string, type?: string) => {
      if (type === '%') return '%';
      if (type === undefined) throw new JinjaError('incomplete format');
      const width = size(widthText) ?? 0;
      const precision = size(dotText === '' ? '0' : dotText);
      for (const number of [width, precision ?? 0]) budget.spendText(number);
      if (key !== undefined) {
        if (!(values instanceof Dict)) throw new JinjaError('format requires a mapping');
        named = true;
      }
      const value = key === undefined ? take() : (values as Dict).get(key);
      if (value === undefined) throw new JinjaError(`'${key}'`);
      const text = written(value, all, { flags: flags ?? '', width, precision, type }, budget);
      length += text.length;
      budget.spendText(text.length);
      if (length > maxTextLength) budget.spendText(length);
      return text;
    },
  );
  // What has elements counts as a mapping here, from which nothing needs to be taken; undefined too.
  const isMapping =
    [Dict, Range, Undefined].some((type) => values instanceof type) || isList(values);
  if (next < list.length && !named && !isMapping) {
    throw new JinjaError('not all arguments converted during string formatting');
  }
  return result;
}

const directive = /%(?:\(([^)]{0,99})\))?([-+ #0]*)(\d+|\*)?(?:\.(\d*|\*))?[hlL]?([a-zA-Z%])?/g;

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly type: string;
}

function written(value: Value, directive: string, parts: Directive, budget: Budget): string {
  const { flags, width, precision, type } = parts;
  const align = flags.includes('-') ? '<' : '>';
  if ('sra'.includes(type)) {
    const text = type === 's' ? str(value, budget) : repr(value, budget);
    return padded(
      precision === undefined ? text : [...text].slice(0, precision).join(''),
      width,
      align,
    );
  }
  if (type === 'c')
    return padded(
      typeof value === 'number' ? String.fromCodePoint(value) : str(value, budget),
      width,
      align,
    );
  const x = numeric(value);
  if (x === undefined) {
    const wanted = 'diu'.includes(type) ? 'a real number is required' : 'an integer is required';
    throw new JinjaError(`%${type} format: ${wanted}, not ${typeName(value)}`);
  }
  if (!'diuxXoeEfFgG'.includes(type)) {
    throw new JinjaError(`unsupported format character '${type}' in "${directive}"`);
  }
  const sign = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-';
  const integers = 'diuxXo'.includes(type);
  if (integers && 'xXo'.includes(type) && value instanceof Float) {
    throw new JinjaError(`%${type} format: an integer is required, not float`);
  }
  const text = numberText(integers ? Math.trunc(x) : x, {
    type: 'iu'.includes(type) ? 'd' : type,
    sign,
    precision,
    alternate: flags.includes('#'),
    comma: '',
  });
  const zeros = flags.includes('0') && align === '>';
  return padded(text, width, zeros ? '=' : align, zeros ? '0' : ' ');
}
