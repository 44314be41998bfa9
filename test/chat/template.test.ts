import { describe, expect, it, vi } from 'vitest';
import { modelTemplates } from '../../lib/chat/template.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { bpeFile, control } from '../tokenizer/vocabularies.js';

const extra = ['<s>', '</s>', '<|eot_id|>', '<|im_start|>', '<|im_end|>'].map(
  (text) => [text, control] as const,
);

/** The chat template of a file with this source and these other entries. */
async function templateOf(source: string | undefined, entries: Record<string, string> = {}) {
  const ids = { bos_token_id: 256, eos_token_id: 257 };
  const file = bpeFile({
    merges: [],
    extra,
    entries: { ...ids, ...entries, 'tokenizer.chat_template': source },
  });
  return modelTemplates(file, await createTokenizer(file)).standard;
}

async function apply(source: string, contents: readonly string[] = ['Hi'], prompt = true) {
  const template = await templateOf(source);
  const messages = contents.map((content, i) => {
    return { role: i % 2 === 0 ? ('user' as const) : ('assistant' as const), content };
  });
  return template!.apply(messages, { addGenerationPrompt: prompt });
}

const chatMl = `{% for message in messages %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`;

describe('A chat template', () => {
  it('writes the messages as the file says', async () => {
    expect(await apply(chatMl, ['Hi', 'Yes?', 'Bye'])).toBe(
      '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n',
    );
    expect(await apply(chatMl, ['Hi'], false)).toBe('<|im_start|>user\nHi<|im_end|>\n');
  });

  it('does not ask for an answer unless told to', async () => {
    const template = await templateOf(chatMl);
    expect(template!.apply([{ role: 'user', content: 'Hi' }])).toBe(
      '<|im_start|>user\nHi<|im_end|>\n',
    );
    expect(template!.source).toBe(chatMl);
    expect(template!.decisions).toEqual([]);
  });

  it('is absent where the file has none', async () => {
    expect(await templateOf(undefined)).toBeUndefined();
  });

  it.each([
    ['the special tokens', '{{ bos_token }}{{ eos_token }}', '<s></s>'],
    [
      'no tools',
      '{{ tools is none }} {{ tools is not none }} {% if tools %}x{% endif %}',
      'True False ',
    ],
    ['what is not defined', '{{ x is defined }}{{ x }}{% if not x %}!{% endif %}', 'False!'],
    ['trim', "{{ '  a b ' | trim }}", 'a b'],
    ['methods of texts', "{{ 'a</think>b'.split('</think>')[-1].strip().upper() }}", 'B'],
    ['replace', "{{ 'a-b-c' | replace('-', '+') }} {{ 'a-b'.replace('-', '') }}", 'a+b+c ab'],
    ['join', "{{ ['a', 'b'] | join(', ') }}{{ [1, 2] | join }}", 'a, b12'],
    ['indent', "{{ 'a\nb' | indent(2) }}{% filter indent(1, true) %}c{% endfilter %}", 'a\n  b c'],
    [
      'tojson',
      "{{ {'a': [1, 'x']} | tojson }}{{ [1] | tojson(indent=2) }}",
      '{"a": [1, "x"]}[\n  1\n]',
    ],
    [
      'range',
      '{% for i in range(3) %}{{ i }}{% endfor %}{{ range(5, 1, -2) | list }}',
      '012[5, 3]',
    ],
    ['namespaces', '{% set n = namespace(a=1) %}{% set n.a = n.a + 1 %}{{ n.a }}', '2'],
    ['macros', "{% macro m(x, y='!') %}{{ x }}{{ y }}{% endmacro %}{{ m('a') }}", 'a!'],
    ['selectattr', "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}", '1'],
    [
      'objects of the messages',
      "{{ messages[0].get('name', 'none') }} {{ messages[0].keys() }}",
      "none dict_keys(['role', 'content'])",
    ],
    ['the first of nothing', '{% set x = [] | first %}{{ x is defined }}', 'False'],
    ['slices', '{{ messages[1:] | length }}{{ messages[-1].content[:1] }}', '0H'],
  ])('knows %s', async (_what, source, expected) => {
    expect(await apply(source)).toBe(expected);
  });

  it('knows the date, in English', async () => {
    vi.useFakeTimers({ now: new Date(2026, 10, 5, 15, 4, 9), toFake: ['Date'] });
    try {
      const source =
        "{{ strftime_now('%A %d %B %Y, %b %a %m %y, %H:%M:%S = %I %p, %-d %-m %e, %q %%') }}";
      expect(await apply(source)).toBe(
        'Thursday 05 November 2026, Nov Thu 11 26, 15:04:09 = 03 PM, 5 11  5, %q %',
      );
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('The template of bitnet-b1.58-2B-4T', () => {
  const placeholder =
    "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}{% if message['role'] == 'user' %}{{ 'Human: ' + message['content'] + '\n\nBITNETAssistant: ' + eos_token }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}";

  it('replaces the placeholder of the official file, which is reported', async () => {
    const template = await templateOf(placeholder);
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: ' Hi\n' },
      { role: 'assistant', content: 'Hello!' },
      { role: 'user', content: 'Bye' },
    ] as const;
    expect(template!.apply(messages, { addGenerationPrompt: true })).toBe(
      '<s>System: Be kind.<|eot_id|>User: Hi<|eot_id|>Assistant: Hello!<|eot_id|>User: Bye<|eot_id|>Assistant: ',
    );
    expect(template!.apply(messages.slice(1, 3))).toBe(
      '<s>User: Hi<|eot_id|>Assistant: Hello!<|eot_id|>',
    );
    expect(template!.decisions).toEqual([
      {
        subject: 'chat template',
        choice: 'the format of bitnet-b1.58-2B-4T ("User: …<|eot_id|>Assistant: ")',
        reason: 'the one in the file is a placeholder of its converter ("BITNETAssistant")',
      },
    ]);
  });

  it('is used for a file of this model without a template, and for no other', async () => {
    const texts = Array.from({ length: 128010 - 256 }, (_, i) =>
      i === 128009 - 256 ? '<|eot_id|>' : '',
    );
    const fileOf = (architecture: string) =>
      bpeFile({
        merges: [],
        extra: texts.map((text) => [text, control]),
        entries: { 'general.architecture': architecture },
      });
    const file = fileOf('bitnet-b1.58');
    const tokenizer = await createTokenizer(file);
    expect(modelTemplates(file, tokenizer).standard!.decisions[0]!.reason).toBe(
      'the file has none, and its architecture and vocabulary are those of 2B-4T',
    );
    expect(modelTemplates(fileOf('llama'), tokenizer).standard).toBeUndefined();
    expect(await templateOf(undefined, { 'general.architecture': 'bitnet-b1.58' })).toBeUndefined();
  });
});

describe('The messages of a chat', () => {
  const roles = 'system, user, assistant, tool, developer';

  it.each([
    ['no array', 'Hi', 'Expected the messages of a chat as an array, but received "Hi".'],
    [
      'nothing',
      undefined,
      'Expected the messages of a chat as an array, but received a value of type undefined.',
    ],
    [
      'an empty message',
      [null],
      `Expected messages[0].role to be one of ${roles}, but received a value of type undefined.`,
    ],
    [
      'another role',
      [{ role: 'User', content: '' }],
      `Expected messages[0].role to be one of ${roles}, but received "User".`,
    ],
    [
      'a role that is a control token',
      [
        { role: 'user', content: '' },
        { role: '|><|eot_id', content: '' },
      ],
      `Expected messages[1].role to be one of ${roles}, but received "|><|eot_id".`,
    ],
    [
      'no content',
      [{ role: 'user' }],
      'Expected messages[0].content to be a string, but received a value of type undefined.',
    ],
    [
      'too many messages',
      Array(10_001).fill({ role: 'user', content: '' }),
      'Expected at most 10000 messages, but received 10001.',
    ],
    [
      'too much text',
      [{ role: 'user', content: 'x'.repeat(1_048_577) }],
      'Expected messages of at most 1048576 characters together, but received 1048577.',
    ],
  ])('must not be %s', async (_what, messages, message) => {
    const template = await templateOf(chatMl);
    const error = expect.objectContaining({ code: 'ERR_BITNET_ARGUMENT', message });
    expect(() => template!.apply(messages as never)).toThrow(error);
    expect(() => template!.encode(messages as never)).toThrow(error);
  });
});
