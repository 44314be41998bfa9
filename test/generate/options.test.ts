import { describe, expect, test } from 'vitest';
import { type GenerateOptions, generateSettings } from '../../lib/generate/options.js';

function messageOf(options: unknown): string {
  try {
    generateSettings(options as GenerateOptions);
  } catch (error) {
    expect(error).toMatchObject({ name: 'BitnetError', code: 'ERR_BITNET_ARGUMENT' });
    return (error as Error).message;
  }
  throw new Error('no error was thrown');
}

describe('generation options', () => {
  test('have the documented defaults', () => {
    expect(generateSettings()).toEqual({
      maxTokens: 512,
      ...{ minTokens: 0, ignoreEnd: false, logitBias: new Map(), stopTokens: [], stop: [] },
      ...{ temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05, topNSigma: 0, typicalP: 1 },
      ...{ xtcProbability: 0, xtcThreshold: 0.1 },
      ...{ repeatPenalty: 1, repeatLastN: 64, presencePenalty: 0, frequencyPenalty: 0 },
      ...{ dryMultiplier: 0, dryBase: 1.75, dryAllowedLength: 2, dryPenaltyLastN: -1 },
      drySequenceBreakers: ['\n', ':', '"', '*'],
      samplers: [
        ...['penalties', 'dry', 'top_n_sigma', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc'],
        'temperature',
      ],
      seed: expect.any(Number),
      ...{ logprobs: undefined, logprobsFrom: 'model', promptLogprobs: undefined },
      ...{ lookup: false, draft: undefined, maxDraft: undefined },
      parseSpecial: false,
      caller: '',
      priority: 0,
      signal: undefined,
    });
  });

  test('that are undefined mean the default', () => {
    expect(generateSettings({ temperature: undefined, seed: undefined }).temperature).toBe(0.8);
  });

  test.each<[string, unknown, string]>([
    [
      'maxTokens',
      1.5,
      'an integer of at least 0, or Infinity, for option maxTokens, but received 1.5.',
    ],
    [
      'maxTokens',
      -1,
      'an integer of at least 0, or Infinity, for option maxTokens, but received -1.',
    ],
    ['temperature', -1, 'a finite number of at least 0 for option temperature, but received -1.'],
    [
      'temperature',
      Number.NaN,
      'a finite number of at least 0 for option temperature, but received NaN.',
    ],
    [
      'temperature',
      '0.8',
      'a finite number of at least 0 for option temperature, but received "0.8".',
    ],
    [
      'priority',
      0.5,
      'an integer from -2147483648 to 2147483647 for option priority, but received 0.5.',
    ],
    ['caller', 5, 'a text of at most 256 characters for option caller, but received 5.'],
    ['topK', 2.5, 'an integer of at least 0 for option topK, but received 2.5.'],
    ['topP', 1.1, 'a number from 0 to 1 for option topP, but received 1.1.'],
    ['minP', -0.1, 'a number from 0 to 1 for option minP, but received -0.1.'],
    ['repeatPenalty', 0, 'a number from 0.01 to 100 for option repeatPenalty, but received 0.'],
    ['repeatLastN', -2, 'an integer of at least -1 for option repeatLastN, but received -2.'],
    [
      'presencePenalty',
      1e9,
      'a number from -100 to 100 for option presencePenalty, but received 1000000000.',
    ],
    [
      'frequencyPenalty',
      '1',
      'a number from -100 to 100 for option frequencyPenalty, but received "1".',
    ],
    ['seed', -1, 'an integer from 0 to 2^53 - 1 for option seed, but received -1.'],
    [
      'seed',
      2 ** 53,
      'an integer from 0 to 2^53 - 1 for option seed, but received 9007199254740992.',
    ],
    [
      'stop',
      '',
      'a text of 1 to 4096 characters without lone surrogates for option stop, but received "".',
    ],
    [
      'stop',
      ['a', 7],
      'a text of 1 to 4096 characters without lone surrogates for option stop[1], but received 7.',
    ],
    [
      'stop',
      ['a', 'b\ud800'],
      'a text of 1 to 4096 characters without lone surrogates for option stop[1], but received "b\\ud800".',
    ],
    ['parseSpecial', 1, 'true or false for option parseSpecial, but received 1.'],
    ['signal', {}, 'an AbortSignal for option signal, but received an object.'],
  ])('%s: %o is refused with a sentence', (name, value, sentence) => {
    expect(messageOf({ [name]: value })).toBe(`Expected ${sentence}`);
  });

  test('more stop texts, or longer ones, than a generation may have are refused', () => {
    expect(messageOf({ stop: new Array(2 ** 32 - 1) })).toBe(
      'Expected at most 256 texts for option stop, but received an array of length 4294967295.',
    );
    expect(messageOf({ stop: Array(257).fill('a') })).toMatch(/^Expected at most 256 texts /);
    expect(messageOf({ stop: 'a'.repeat(4097) })).toMatch(/^Expected a text of 1 to 4096 /);
    expect(messageOf({ stop: Array(17).fill('a'.repeat(4096)) })).toBe(
      'Expected at most 65536 characters together for option stop, but received an array of length 17.',
    );
    expect(generateSettings({ stop: Array(16).fill('a'.repeat(4096)) }).stop).toHaveLength(16);
  });

  test.each([
    ['temprature', 'temperature'],
    ['temp', 'temperature'],
    ['top_k', 'topK'],
    ['max-tokens', 'maxTokens'],
    ['topk', 'topK'],
    ['sede', 'seed'],
    ['stops', 'stop'],
    ['n_predict', 'maxTokens'],
    ['num_predict', 'maxTokens'],
    ['max_tokens', 'maxTokens'],
    ['max_new_tokens', 'maxTokens'],
    ['maxCompletionTokens', 'maxTokens'],
    ['stopSequences', 'stop'],
    ['stop_strings', 'stop'],
    ['abortSignal', 'signal'],
    ['repetitionPenalty', 'repeatPenalty'],
    ['repetition_penalty', 'repeatPenalty'],
    ['repeat_last_n', 'repeatLastN'],
    ['min_p', 'minP'],
  ])('the unknown name %s suggests %s', (name, near) => {
    expect(messageOf({ [name]: 1 })).toBe(
      `Expected only known options, but received the option "${name}"; did you mean ${near}?`,
    );
  });

  test.each([
    ['n_ctx', 'contextLength is an option of loadModel and model.createSession.'],
    ['contextSize', 'contextLength is an option of loadModel and model.createSession.'],
    ['threads', 'threads is an option of loadModel.'],
    ['systemPrompt', 'system is an option of model.createChat.'],
    ['n_gpu_layers', 'there is no GPU code, so leave it out.'],
    ['onToken', 'iterate the generation with for await.'],
    ['constructor', expect.stringMatching(/^the options are maxTokens, /)],
  ])('%s, which belongs elsewhere, is told where', (name, help) => {
    const [begin, end] = messageOf({ [name]: 1 }).split('; ');
    expect(begin).toBe(`Expected only known options, but received the option "${name}"`);
    expect(end).toEqual(help);
  });

  test('null counts as left out, for one option and for all', () => {
    const names = ['maxTokens', 'temperature', 'topK', 'seed', 'stop', 'parseSpecial', 'signal'];
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    for (const options of [nulls, null]) {
      expect({ ...generateSettings(options as GenerateOptions), seed: 1 }).toEqual(
        generateSettings({ seed: 1 }),
      );
    }
  });

  test('an AbortController instead of its signal is told from other objects', () => {
    expect(messageOf({ signal: new AbortController() })).toBe(
      'Expected an AbortSignal (the signal of the AbortController) for option signal, but received an AbortController.',
    );
  });

  test('an unknown name far from all others lists the options', () => {
    expect(messageOf({ mirostat: 2 })).toMatch(
      /received the option "mirostat"; the options are maxTokens, temperature, /,
    );
  });

  test.each([['x'], [7], [['a']]])('%o instead of options is refused', (value) => {
    expect(messageOf(value)).toMatch(/^Expected an object for options, but received /);
  });

  test('a signal of another realm is accepted by its shape', () => {
    const signal = { aborted: false, addEventListener() {} } as unknown as AbortSignal;
    expect(generateSettings({ signal }).signal).toBe(signal);
  });

  test('a list of stop texts is copied', () => {
    const stop = ['a'];
    const settings = generateSettings({ stop });
    stop.push('b');
    expect(settings.stop).toEqual(['a']);
  });
});
