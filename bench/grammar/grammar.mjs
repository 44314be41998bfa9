// Times what grammars cost: "node bench/grammar/grammar.mjs [vocabulary.gguf] [--json]", after npm run build. Without a file the
// vocabulary is a made one of 128,256 tokens. Every text begins with a grammar that has just been compiled, so that no mask is known.
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { madeTokens } from './made-tokens.mjs';
import { texts } from './texts.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(import.meta.url);
const lib = (name) => require(join(root, 'dist/lib', name));
const { buildVocabulary, checkGrammar, compileGrammar, grammarText } = lib('native.js');
const { encodeRules } = lib('grammar/encode-rules.js');
const { rulesOfSchema } = lib('grammar/schema/rules-of-schema.js');
const { parseGbnf } = lib('grammar/gbnf/parse-gbnf.js');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' } },
});
const { tokens, ends, encode } = positionals[0] ? await fromFile(positionals[0]) : made();

const begin = performance.now();
const vocabulary = await buildVocabulary({
  bytes: Buffer.concat(tokens),
  offsets: offsetsOf(tokens),
  ends: Int32Array.from(ends),
});
report({ what: `vocabulary of ${tokens.length} tokens`, milliseconds: performance.now() - begin });

const all = [];
for (const { name, schema, gbnf, text } of texts) {
  const compiling = [];
  let grammar;
  for (let round = 0; round < 5; round++) {
    const from = performance.now();
    const rules = encodeRules(gbnf ? parseGbnf(gbnf) : rulesOfSchema(schema), () => 0);
    checkGrammar(tokens.length, rules);
    grammar = compileGrammar(vocabulary, rules);
    compiling.push(performance.now() - from);
  }
  const masks = timedMasks(grammar, encode(text));
  const again = timedMasks(grammar, encode(text));
  all.push(...masks);
  report({
    what: name,
    compileMilliseconds: median(compiling),
    firstCompileMilliseconds: compiling[0],
    tokens: masks.length,
    ...inMicroseconds(masks),
    againMedian: inMicroseconds(again).median,
  });
}
report({ what: 'all masks', tokens: all.length, ...inMicroseconds(all) });

/** Milliseconds of the mask before each token. */
function timedMasks(grammar, ids) {
  const at = grammarText(grammar);
  const mask = new Uint32Array(Math.ceil(tokens.length / 32));
  return ids.map((id) => {
    const from = performance.now();
    at.allowed(mask);
    const time = performance.now() - from;
    const isAllowed = (mask[id >>> 5] >>> (id & 31)) & 1;
    if (!isAllowed || !at.append(id))
      throw new Error(`The text ends before token ${id}, ${tokens[id]}.`);
    return time;
  });
}

function inMicroseconds(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) =>
    1000 * sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
  return { median: at(0.5), p90: at(0.9), p99: at(0.99), worst: 1000 * sorted.at(-1) };
}

function median(times) {
  return [...times].sort((a, b) => a - b)[times.length >> 1];
}

function report(row) {
  const rounded = Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'number' ? Number(value.toPrecision(3)) : value,
    ]),
  );
  if (values.json) console.log(JSON.stringify(rounded));
  else
    console.log(
      Object.entries(rounded)
        .map(([key, value]) => (key === 'what' ? `${value}:` : `${key} ${value}`))
        .join('  '),
    );
}

async function fromFile(path) {
  const { loadTokenizer } = require(join(root, 'dist/lib/index.js'));
  const tokenizer = await loadTokenizer(path);
  const list = Array.from({ length: tokenizer.vocabSize }, (_, id) =>
    Buffer.from(tokenizer.tokenBytes(id)),
  );
  return {
    tokens: list,
    ends: tokenizer.endOfGeneration,
    encode: (text) => tokenizer.encode(text),
  };
}

/** The longest token that fits comes next. */
function made() {
  const list = madeTokens(128_256);
  const ids = new Map(list.map((token, id) => [token.toString('latin1'), id]));
  const encode = (text) => {
    const bytes = Buffer.from(text).toString('latin1');
    const found = [];
    for (let at = 0; at < bytes.length; ) {
      let length = 24;
      while (!ids.has(bytes.slice(at, at + length))) length--;
      found.push(ids.get(bytes.slice(at, at + length)));
      at += length;
    }
    return found;
  };
  return { tokens: list, ends: [list.length - 1], encode };
}

function offsetsOf(list) {
  const offsets = new Uint32Array(list.length + 1);
  list.forEach((token, i) => {
    offsets[i + 1] = offsets[i] + token.length;
  });
  return offsets;
}
