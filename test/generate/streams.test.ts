import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { isGenerating } from '../../lib/generate/continuation.js';
import { generate } from '../../lib/generate/loop.js';
import { recites, ToyEvaluator, toyTokenizer } from './toy.js';

const tokenizer = toyTokenizer();
const text = 'héllo wörld, as a stream';
const reciting = () => {
  const model = new ToyEvaluator({ logits: recites(text, 1) });
  return { model, generation: generate(model, tokenizer, '', { temperature: 0 }) };
};

async function read(stream: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}

/** A sink that takes one chunk and fails at the second. */
function failing() {
  let chunks = 0;
  return new Writable({
    write: (_chunk, _encoding, done) => done(++chunks > 1 ? new Error('full') : null),
  });
}

describe('a web stream of a generation', () => {
  test('has its text, and leaves its result', async () => {
    const { generation } = reciting();
    expect(await read(generation.toReadableStream())).toBe(text);
    expect(await generation.result).toMatchObject({ stopReason: 'end' });
  });

  test('is what a Response takes, as bytes', async () => {
    const bytes = reciting().generation.toReadableStream().pipeThrough(new TextEncoderStream());
    expect(await new Response(bytes).text()).toBe(text);
  });

  test('generates nothing before it is read, and no more than is read', async () => {
    const { model, generation } = reciting();
    const reader = generation.toReadableStream().getReader();
    await new Promise(setImmediate);
    expect(model.calls).toHaveLength(0);
    await reader.read();
    await new Promise(setImmediate);
    expect(model.calls.length).toBeLessThanOrEqual(2);
  });

  test('ends the generation when it is canceled', async () => {
    const { model, generation } = reciting();
    const reader = generation.toReadableStream().getReader();
    await reader.read();
    await reader.cancel();
    expect(isGenerating(model)).toBe(false);
    await expect(generation.result).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
  });

  test('fails as the generation does', async () => {
    const logits = () => new Float32Array(259).fill(Number.NaN);
    const stream = generate(new ToyEvaluator({ logits }), tokenizer, '').toReadableStream();
    await expect(read(stream)).rejects.toMatchObject({ code: 'ERR_BITNET_NUMERIC' });
  });
});

describe('a Node.js stream of a generation', () => {
  test('is a Readable with its text', async () => {
    const stream = reciting().generation.toReadable();
    expect(stream).toBeInstanceOf(Readable);
    expect(await read(stream)).toBe(text);
  });

  test('ends the generation when it is destroyed', async () => {
    const { model, generation } = reciting();
    const stream = generation.toReadable();
    for await (const chunk of stream) {
      expect(chunk).toBe('h');
      break;
    }
    expect(stream.destroyed).toBe(true);
    await expect(generation.result).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(isGenerating(model)).toBe(false);
  });

  test('ends the generation when what it is piped to fails', async () => {
    const { model, generation } = reciting();
    await expect(pipeline(generation.toReadable(), failing())).rejects.toThrow('full');
    await expect(generation.result).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(isGenerating(model)).toBe(false);
  });
});
