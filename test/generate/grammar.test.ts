import { expect, it } from 'vitest';
import { complete } from '../../lib/generate/loop.js';
import type { GenerateOptions } from '../../lib/generate/options.js';
import { babbles, recites, ToyEvaluator, toyTokenizer } from './toy.js';

const tokenizer = toyTokenizer();

const schema = {
  properties: { name: { type: 'string', maxLength: 9 }, kind: { enum: ['red', 'green'] } },
  required: ['name', 'kind'],
};

function completed(options: GenerateOptions, evaluator = new ToyEvaluator({ logits: babbles() })) {
  return complete(evaluator, tokenizer, 'x', { maxTokens: 200, ...options });
}

it('a text fulfills its schema, whatever the model would say, and ends without another step', async () => {
  for (const options of [{ seed: 1 }, { seed: 2, topK: 0, temperature: 3 }, { temperature: 0 }]) {
    const evaluator = new ToyEvaluator({ logits: babbles() });
    const { text, stopReason, ids } = await completed(
      { ...options, jsonSchema: schema },
      evaluator,
    );
    const value = JSON.parse(text);
    expect(Object.keys(value)).toEqual(['name', 'kind']);
    expect(['red', 'green']).toContain(value.kind);
    expect(stopReason).toBe('end');
    expect(evaluator.position).toBe(2 + ids.length - 1);
  }
});

it('what must come is evaluated in one step, and the text is the same as token by token', async () => {
  const grammar = 'root ::= [a-z]{3} "fixed text, long enough" [a-z ]{5} "more of it"';
  const together = new ToyEvaluator({ logits: babbles() });
  const whole = await completed({ grammar, seed: 3 }, together);
  expect(whole.text).toMatch(/^[a-z]{3}fixed text, long enough[a-z ]{5}more of it$/);
  expect(together.calls.length).toBeLessThan(15);
  for (const maxTokens of [1, 5, 20, 30]) {
    const part = await completed({ grammar, seed: 3, maxTokens });
    expect([part.text, part.stopReason]).toEqual([whole.text.slice(0, maxTokens), 'length']);
  }
});

it('a cut text is the begin of one that fulfills the grammar', async () => {
  const { text, stopReason } = await completed({ grammar: 'root ::= "ab"*', maxTokens: 7 });
  expect([text, stopReason]).toEqual(['abababa', 'length']);
});

it('the model ends its text where it may', async () => {
  const evaluator = new ToyEvaluator({ logits: recites('yes', 2) });
  const { text, stopReason } = await completed(
    { grammar: 'root ::= ("yes" | "no")+', temperature: 0 },
    evaluator,
  );
  expect([text, stopReason]).toEqual(['yes', 'end']);
});

it('a wrong grammar or schema is an error of the call', async () => {
  const evaluator = new ToyEvaluator({ logits: babbles() });
  for (const [options, code] of [
    [{ grammar: 'root ::=' + ' (' }, 'ERR_BITNET_GRAMMAR'],
    [{ grammar: 'root ::= root' }, 'ERR_BITNET_GRAMMAR'],
    [{ jsonSchema: { not: {} } }, 'ERR_BITNET_SCHEMA'],
    [{ jsonSchema: true, grammar: 'root ::= "a"' }, 'ERR_BITNET_ARGUMENT'],
  ] as const) {
    await expect(completed(options, evaluator)).rejects.toMatchObject({ code });
  }
  expect(evaluator.position).toBe(0);
});

it('speculation changes no text under a grammar', async () => {
  const options = { jsonSchema: { items: schema, minItems: 3, maxItems: 3 }, seed: 9 };
  const plain = await completed(options);
  const drafted = await completed({ ...options, lookup: true });
  expect(drafted.text).toBe(plain.text);
});
