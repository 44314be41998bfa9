/**
 * What PEFT makes of a key of `rank_pattern` or `alpha_pattern`: whether a module has it as its name, or at the end of it. Of regular
 * expressions only those are taken that cannot keep a backtracking matcher busy.
 *
 * @returns why the key is none, where it is none
 */
export function namePattern(key: string): ((module: string) => boolean) | string {
  const fault = faultOf(key);
  if (fault !== undefined) return fault;
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${key})$`);
  } catch {
    return 'no regular expression';
  }
  return (module) => endings(module).some((ending) => expression.test(ending));
}

/** A module's name, and what follows each of its points. */
function endings(module: string): string[] {
  const parts = module.split('.');
  return parts.map((_, i) => parts.slice(i).join('.'));
}

/** UTF-16 units of a key; real ones are names of modules. */
const mostLength = 256;

/** Repetitions of a key: each multiplies the work by the length of a name. */
const mostRepetitions = 2;

/** Characters, escapes, classes and groups, with what repeats them. */
const tokens =
  /\\.|\[\^?\]?(?:\\.|[^\]\\])*(?:\]|$)|\(\?:|\(\?|[()|]|\{\d{1,2}(?:,\d{0,2})?\}|[*+?]|[\s\S]/g;

function faultOf(key: string): string | undefined {
  if (key.length > mostLength) return `one of ${key.length} characters`;
  let repetitions = 0;
  /** Of each open group, whether anything in it may be this or that. */
  const groups: boolean[] = [false];
  let closed = false;
  for (const [token] of key.matchAll(tokens)) {
    if (/^\\\d|^\(\?$/.test(token)) return 'one with a reference or a condition';
    const repeats = /^([*+?]|\{\d+(,\d*)?\})$/.test(token);
    if (token === '(' || token === '(?:') groups.push(false);
    if (token === '|' || repeats) groups[groups.length - 1] = true;
    if (repeats && closed) return 'one that repeats a group with a choice in it';
    if (repeats && token !== '?' && ++repetitions > mostRepetitions) {
      return `one with more than ${mostRepetitions} repetitions`;
    }
    closed = token === ')' && (groups.pop() ?? false);
    if (token === ')' && closed && groups.length > 0) groups[groups.length - 1] = true;
    if (groups.length === 0) return 'no regular expression';
  }
  return undefined;
}
