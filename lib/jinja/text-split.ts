import type { Bound } from './arguments.js';
import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { countLines, occurrences, splitLines, words } from './text.js';

/** `text.split(sep, maxsplit)`; without a separator at runs of white space. */
export function split(text: string, args: Bound, budget: Budget): string[] {
  return divided(text, args, budget, false);
}

/** `text.rsplit(sep, maxsplit)` */
export function splitFromEnd(text: string, args: Bound, budget: Budget): string[] {
  return divided(text, args, budget, true);
}

function divided(text: string, args: Bound, budget: Budget, fromEnd: boolean): string[] {
  const separator = args.text('sep');
  const limit = args.integer('maxsplit') ?? -1;
  const most = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  if (separator === '') throw new JinjaError('empty separator');
  if (separator === undefined) return atSpace(text, most, fromEnd, budget);
  budget.spendList(Math.min(occurrences(text, separator), most) + 1);
  const parts = text.split(separator);
  if (parts.length - 1 <= most) return parts;
  return fromEnd
    ? [parts.slice(0, parts.length - most).join(separator), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(separator)];
}

function atSpace(text: string, most: number, fromEnd: boolean, budget: Budget): string[] {
  budget.spendCharacters(text.length);
  const found = words(text);
  budget.spendList(found.length);
  const part = ([start, end]: readonly [number, number]) => text.slice(start, end);
  if (found.length - 1 <= most) return found.map(part);
  if (!fromEnd) return [...found.slice(0, most).map(part), text.slice(found[most]![0])];
  const first = found.length - most;
  return [text.slice(0, found[first - 1]![1]), ...found.slice(first).map(part)];
}

/** `text` with the first `count` of `old`, or all, replaced. */
export function replaced(
  text: string,
  old: string,
  by: string,
  count: number | undefined,
  budget: Budget,
): string {
  const most = count === undefined || count < 0 ? Number.POSITIVE_INFINITY : count;
  budget.spendSearch(text, old);
  const times = Math.min(occurrences(text, old), most);
  budget.spend(times);
  budget.spendText(text.length + times * by.length);
  if (old === '') return inserted(text, by, times);
  if (most === Number.POSITIVE_INFINITY) return text.split(old).join(by);
  let result = '';
  let at = 0;
  for (let i = 0; i < times; i++) {
    const next = text.indexOf(old, at);
    result += text.slice(at, next) + by;
    at = next + old.length;
  }
  return result + text.slice(at);
}

/** `part` before each of the first characters, and after the last. */
function inserted(text: string, part: string, times: number): string {
  const characters = [...text];
  const before = characters.slice(0, times).map((character) => part + character);
  const end = times > characters.length ? part : '';
  return before.join('') + characters.slice(times).join('') + end;
}

/** `text` with every line but the first begun by `indent`. */
export function indented(
  text: string,
  indent: string,
  options: { readonly first: boolean; readonly blank: boolean },
  budget: Budget,
): string {
  const count = countLines(text);
  budget.spendList(count);
  budget.spendText(text.length + count * indent.length);
  const lines = splitLines(`${text}\n`);
  return lines
    .map((line, i) =>
      (i === 0 ? options.first : options.blank || line !== '') ? indent + line : line,
    )
    .join('\n');
}
