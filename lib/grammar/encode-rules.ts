import type { NativeRules } from '../native-types.js';
import type { Expression, Rules } from './expression.js';
import type { TokenIds } from './token-ids.js';

/** Values of `enum class Op` in native/grammar/rules.h. */
const op = {
  text: 0,
  class: 1,
  token: 2,
  notToken: 3,
  sequence: 4,
  choice: 5,
  repeat: 6,
  rule: 7,
} as const;

/**
 * Rules as numbers, as native/grammar/rules.h describes them.
 *
 * @throws ERR_BITNET_GRAMMAR when a token is none of the vocabulary
 */
export function encodeRules(rules: Rules, tokenIds: TokenIds): NativeRules {
  const names = [...rules.keys()];
  const numbers = new Map(names.map((name, i) => [name, i]));
  const code: number[] = [];
  const encode = (expression: Expression): void => {
    switch (expression.type) {
      case 'text': {
        const bytes = Buffer.from(expression.text);
        code.push(op.text, bytes.length);
        for (const byte of bytes) code.push(byte);
        break;
      }
      case 'class':
        code.push(op.class, expression.ranges.length);
        for (const [first, last] of expression.ranges) code.push(first, last);
        break;
      case 'token':
        code.push(expression.negated ? op.notToken : op.token, tokenIds(expression.token));
        break;
      case 'repeat':
        code.push(op.repeat, expression.min, Number.isFinite(expression.max) ? expression.max : -1);
        encode(expression.item);
        break;
      case 'rule':
        code.push(op.rule, numbers.get(expression.name)!);
        break;
      default:
        code.push(op[expression.type], expression.items.length);
        for (const item of expression.items) encode(item);
    }
  };
  const starts = [...rules.values()].map((expression) => {
    const start = code.length;
    encode(expression);
    return start;
  });
  return { code: Int32Array.from(code), starts: Int32Array.from(starts), names };
}
