import type { Budget } from './budget.js';
import { JinjaError, LimitError } from './errors.js';
import { formatPercent } from './format-percent.js';
import { numeric } from './protocol.js';
import { Float, isList, Tuple, typeName, Undefined, type Value } from './values.js';

/** `left operator right` as Python computes it. */
export function arithmetic(operator: string, left: Value, right: Value, budget: Budget): Value {
  for (const value of [left, right]) {
    if (value instanceof Undefined && !(operator === '%' && typeof left === 'string')) {
      throw new JinjaError(value.message);
    }
  }
  const [x, y] = [numeric(left), numeric(right)];
  if (x !== undefined && y !== undefined) {
    return calculated(operator, x, y, left instanceof Float || right instanceof Float);
  }
  const result = sequence(operator, left, right, budget);
  if (result === undefined) throw unsupported(operator, left, right);
  return result;
}

function sequence(operator: string, left: Value, right: Value, budget: Budget): Value | undefined {
  if (operator === '%' && typeof left === 'string') return formatPercent(left, right, budget);
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') {
      budget.spendText(left.length + right.length);
      return left + right;
    }
    if (isList(left) && isList(right)) return joined(left, right, budget);
    if (left instanceof Tuple && right instanceof Tuple) {
      return new Tuple(joined(left.items, right.items, budget));
    }
  }
  if (operator !== '*') return undefined;
  if (isInteger(right)) return repeated(left, Number(right), budget);
  return isInteger(left) ? repeated(right, Number(left), budget) : undefined;
}

function joined(a: readonly Value[], b: readonly Value[], budget: Budget): Value[] {
  budget.spendList(a.length + b.length);
  return [...a, ...b];
}

function repeated(value: Value, times: number, budget: Budget): Value | undefined {
  const count = Math.max(0, times);
  if (typeof value === 'string') {
    budget.spendText(value.length * count);
    return value === '' ? '' : value.repeat(count);
  }
  if (value instanceof Tuple) return new Tuple(repeatedItems(value.items, count, budget));
  return isList(value) ? repeatedItems(value, count, budget) : undefined;
}

function repeatedItems(items: readonly Value[], count: number, budget: Budget): Value[] {
  const length = items.length * count;
  budget.spendList(length);
  return Array.from({ length }, (_, i) => items[i % items.length]!);
}

function isInteger(value: Value): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

function calculated(operator: string, x: number, y: number, float: boolean): Value {
  switch (operator) {
    case '+':
      return result(x + y, float);
    case '-':
      return result(x - y, float);
    case '*':
      return result(x * y, float);
    case '/':
      if (y === 0) throw new JinjaError(float ? 'float division by zero' : 'division by zero');
      return new Float(x / y);
    case '//':
      if (y === 0)
        throw new JinjaError(
          float ? 'float floor division by zero' : 'integer division or modulo by zero',
        );
      return result(Math.floor((x - modulo(x, y)) / y + 0.5), float);
    case '%':
      if (y === 0) throw new JinjaError(float ? 'float modulo' : 'integer modulo by zero');
      return result(modulo(x, y), float);
    default:
      if (x === 0 && y < 0) throw new JinjaError('0.0 cannot be raised to a negative power');
      if (x < 0 && !Number.isInteger(y)) throw new JinjaError('complex numbers are not supported');
      return result(x ** y, float || y < 0);
  }
}

/** The remainder, with the sign of the divisor. */
function modulo(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

function result(value: number, float: boolean): Value {
  if (float) return new Float(value);
  return integer(value);
}

/** Python's integers are unbounded; ours are not, and fail instead of rounding. */
export function integer(value: number): number {
  if (!Number.isSafeInteger(value)) throw new LimitError('counts beyond 2^53');
  return value === 0 ? 0 : value;
}

export function negated(value: Value, operator: '-' | '+'): Value {
  if (value instanceof Undefined) throw new JinjaError(value.message);
  const x = numeric(value);
  if (x === undefined) {
    throw new JinjaError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  }
  return result(operator === '-' ? -x : x, value instanceof Float);
}

function unsupported(operator: string, left: Value, right: Value): JinjaError {
  if (operator === '+' && typeof left === 'string') {
    return new JinjaError(`can only concatenate str (not "${typeName(right)}") to str`);
  }
  if (operator === '+' && (isList(left) || left instanceof Tuple)) {
    const type = typeName(left);
    return new JinjaError(`can only concatenate ${type} (not "${typeName(right)}") to ${type}`);
  }
  const name = operator === '**' ? '** or pow()' : operator;
  return new JinjaError(
    `unsupported operand type(s) for ${name}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}
