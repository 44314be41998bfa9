import { describe, expect, it } from 'vitest';
import { type ChatMessage, modelTemplates } from '../../lib/chat/template.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { bpeFile, control } from '../tokenizer/vocabularies.js';

/*
 * Templates as the files of model families have them, with the constructs that theirs use, and what
 * each must write, byte for byte.
 */

const special = [
  '<s>',
  '</s>',
  '<|begin_of_text|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eot_id|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<bos>',
  '<start_of_turn>',
  '<end_of_turn>',
  '[INST]',
  '[/INST]',
];

async function familyTemplate(source: string, bos: string, eos: string) {
  const id = (text: string) => 256 + special.indexOf(text);
  const file = bpeFile({
    merges: [],
    extra: special.map((text) => [text, control] as const),
    entries: {
      bos_token_id: id(bos),
      eos_token_id: id(eos),
      add_bos_token: true,
      'tokenizer.chat_template': source,
    },
  });
  const tokenizer = await createTokenizer(file);
  return { tokenizer, template: modelTemplates(file, tokenizer).standard! };
}

const talk: readonly ChatMessage[] = [
  { role: 'user', content: 'Hi ' },
  { role: 'assistant', content: 'Hello!' },
  { role: 'user', content: 'Bye' },
];
const withSystem: readonly ChatMessage[] = [{ role: 'system', content: 'Be kind.' }, ...talk];

const llama3 = `{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>

'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>

' }}{% endif %}`;

const falcon3 = `{%- for message in messages %}{%- if message['role'] == 'system' %}{{- '<|system|>\\n' + message['content'] + '\\n' }}{%- elif message['role'] == 'user' %}{{- '<|user|>\\n' + message['content'] + '\\n' }}{%- elif message['role'] == 'assistant' %}{%- if not loop.last %}{{- '<|assistant|>\\n' + message['content'] + eos_token + '\\n' }}{%- else %}{{- '<|assistant|>\\n' + message['content'] + eos_token }}{%- endif %}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|assistant|>\\n' }}{%- endif %}`;

const qwen = `{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(last=0) %}
{%- for message in messages %}
    {%- if message.role == "user" %}{%- set ns.last = loop.index0 %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- if '</think>' in content and loop.index0 < ns.last %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}`;

const gemma = `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '
' + message['content'] | trim + '<end_of_turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model
'}}{% endif %}`;

const mistral = `{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}{%- for message in loop_messages %}{%- if message['role'] == 'user' %}{%- if loop.first and system_message is defined %}{{- '[INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}{%- else %}{{- '[INST] ' + message['content'] + ' [/INST]' }}{%- endif %}{%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] | trim + eos_token }}{%- endif %}{%- endfor %}`;

describe('The chat of a family is written as its template says', () => {
  it.each<[string, string, string, string, readonly ChatMessage[], string]>([
    [
      'Llama 3',
      llama3,
      '<|begin_of_text|>',
      '<|eot_id|>',
      withSystem,
      '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>' +
        '<|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>' +
        '<|start_header_id|>assistant<|end_header_id|>\n\n',
    ],
    [
      'Falcon 3',
      falcon3,
      '<s>',
      '</s>',
      withSystem,
      '<|system|>\nBe kind.\n<|user|>\nHi \n<|assistant|>\nHello!</s>\n<|user|>\nBye\n<|assistant|>\n',
    ],
    [
      'Qwen 3, which takes thoughts out of the past',
      qwen,
      '<s>',
      '<|im_end|>',
      [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: '<think>\nwell\n</think>\n\nHello!' },
        { role: 'user', content: 'Bye' },
      ],
      '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n' +
        '<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n',
    ],
    [
      'Gemma',
      gemma,
      '<bos>',
      '<end_of_turn>',
      talk,
      '<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n' +
        '<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n',
    ],
    [
      'Mistral',
      mistral,
      '<s>',
      '</s>',
      withSystem,
      '<s>[INST] Be kind.\n\nHi  [/INST] Hello!</s>[INST] Bye [/INST]',
    ],
  ])('%s', async (_, source, bos, eos, messages, expected) => {
    const { tokenizer, template } = await familyTemplate(source, bos, eos);
    const options = { addGenerationPrompt: true };
    expect(template.apply(messages, options)).toBe(expected);
    // The tokens spell the same, with the begin token once, whether the template writes it or not.
    const ids = template.encode(messages, options);
    const text = tokenizer.decode(ids, { special: true });
    expect(text).toBe(expected.startsWith(bos) ? expected : bos + expected);
    expect(ids.filter((id) => id === tokenizer.bos)).toHaveLength(1);
  });

  it('Gemma refuses a system message, in the words of its template', async () => {
    const { template } = await familyTemplate(gemma, '<bos>', '<end_of_turn>');
    expect(() => template.apply(withSystem)).toThrow(
      /refuses them with "System role not supported"/,
    );
  });
});
