/**
 * A matcher of GBNF that shares nothing with lib/grammar: it reads the grammar with one regular expression,
 * and finds where a text can end by following every way at once. For grammars without tokens.
 */
export function gbnfMatcher(grammar: string): (text: string) => 'whole' | 'begin' | 'none' {
  const words = [...grammar.matchAll(word)]
    .map(([match]) => match)
    .filter((w) => !w.startsWith('#'));
  const rules = new Map<string, Node>();
  let at = 0;
  const isDefinition = () => words[at + 1] === '::=';
  const alternatives = (): Node => {
    const ways = [sequence()];
    while (words[at] === '|') {
      at++;
      ways.push(sequence());
    }
    return { kind: 'choice', items: ways };
  };
  const sequence = (): Node => {
    const items: Node[] = [];
    while (at < words.length && !['|', ')'].includes(words[at]!) && !isDefinition()) {
      const token = words[at++]!;
      const bounds = repetition(token);
      if (bounds) items.push({ kind: 'repeat', item: items.pop()!, ...bounds });
      else if (token === '(') {
        items.push(alternatives());
        at++;
      } else if (token.startsWith('"')) items.push({ kind: 'text', codes: codesOf(token) });
      else if (token.startsWith('[')) items.push({ kind: 'class', test: classOf(token) });
      else if (token === '.') items.push({ kind: 'class', test: () => true });
      else items.push({ kind: 'rule', name: token });
    }
    return { kind: 'sequence', items };
  };
  while (at < words.length) {
    const name = words[at]!;
    at += 2;
    rules.set(name, alternatives());
  }
  return (text) => {
    const codes = Array.from(text, (c) => c.codePointAt(0)!);
    const known = new Map<Node, Map<number, Set<number>>>();
    let touchedEnd = false; // something was wanted behind the last character
    const ends = (node: Node, begin: number): Set<number> => {
      const memo = known.get(node) ?? new Map<number, Set<number>>();
      known.set(node, memo);
      let found = memo.get(begin);
      if (found === undefined) {
        found = search(node, begin);
        memo.set(begin, found);
      }
      return found;
    };
    const follow = (node: Node, begins: Iterable<number>) =>
      new Set([...begins].flatMap((begin) => [...ends(node, begin)]));
    const search = (node: Node, begin: number): Set<number> => {
      switch (node.kind) {
        case 'text': {
          const differs = node.codes.findIndex((code, i) => codes[begin + i] !== code);
          if (differs === -1) return new Set([begin + node.codes.length]);
          if (begin + differs >= codes.length) touchedEnd = true;
          return new Set();
        }
        case 'class':
          if (begin >= codes.length) touchedEnd = true;
          return begin < codes.length && node.test(codes[begin]!)
            ? new Set([begin + 1])
            : new Set();
        case 'rule':
          return ends(rules.get(node.name)!, begin);
        case 'choice':
          return new Set(node.items.flatMap((item) => [...ends(item, begin)]));
        case 'sequence':
          return node.items.reduce((begins, item) => follow(item, begins), new Set([begin]));
        case 'repeat': {
          const found = new Set<number>(node.min === 0 ? [begin] : []);
          let now = new Set([begin]);
          for (let n = 1; n <= node.max && now.size > 0; n++) {
            const next = follow(node.item, now);
            const before = found.size;
            if (n >= node.min) for (const end of next) found.add(end);
            if (n > node.min && found.size === before) break;
            now = next;
          }
          return found;
        }
      }
    };
    if (ends(rules.get('root')!, 0).has(codes.length)) return 'whole';
    return touchedEnd ? 'begin' : 'none';
  };
}

type Node =
  | { readonly kind: 'text'; readonly codes: readonly number[] }
  | { readonly kind: 'class'; readonly test: (code: number) => boolean }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'choice' | 'sequence'; readonly items: readonly Node[] }
  | { readonly kind: 'repeat'; readonly item: Node; readonly min: number; readonly max: number };

const word = /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|::=|[|()*+?.]|\{[\d, ]+\}|[A-Za-z0-9_-]+|#.*/g;

function repetition(token: string): { min: number; max: number } | undefined {
  if (token === '*') return { min: 0, max: Number.POSITIVE_INFINITY };
  if (token === '+') return { min: 1, max: Number.POSITIVE_INFINITY };
  if (token === '?') return { min: 0, max: 1 };
  if (!token.startsWith('{')) return undefined;
  const [min, max] = token.slice(1, -1).split(',');
  return {
    min: Number(min),
    max:
      max === undefined ? Number(min) : max.trim() === '' ? Number.POSITIVE_INFINITY : Number(max),
  };
}

function codesOf(token: string): number[] {
  return members(token.slice(1, -1)).map(({ code }) => code);
}

function classOf(token: string): (code: number) => boolean {
  const negated = token.startsWith('[^');
  const list = members(token.slice(negated ? 2 : 1, -1));
  const ranges: [number, number][] = [];
  for (let i = 0; i < list.length; i++) {
    const isRange = list[i + 1]?.raw === '-' && i + 2 < list.length;
    ranges.push([list[i]!.code, list[isRange ? i + 2 : i]!.code]);
    if (isRange) i += 2;
  }
  return (code) => ranges.some(([first, last]) => first <= code && code <= last) !== negated;
}

function members(text: string): { code: number; raw: string }[] {
  const pattern = /\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\(.)|([\s\S])/gu;
  return [...text.matchAll(pattern)].map(([raw, x, u, big, escaped, plain]) => {
    const hex = x ?? u ?? big;
    const named = { n: '\n', r: '\r', t: '\t' }[escaped ?? ''] ?? escaped ?? plain!;
    return { code: hex ? Number.parseInt(hex, 16) : named.codePointAt(0)!, raw };
  });
}
