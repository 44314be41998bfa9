import { expect, it } from 'vitest';
import { builtinTemplates, chatTemplateNames } from '../../lib/chat/builtin-templates.js';
import { callBudget, parse, render } from '../../lib/chat/render.js';

const messages = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: ' Hi\n' },
  { role: 'assistant', content: 'Hello!' },
  { role: 'user', content: 'Bye' },
];

function written(name: string, add_generation_prompt: boolean): string {
  const variables = { messages, add_generation_prompt, bos_token: '<s>', eos_token: '</s>' };
  return render(parse(builtinTemplates.get(name)!), variables, callBudget());
}

/** What the name writes in llama.cpp, and what it adds so that the model answers. */
const expected: Record<string, readonly [chat: string, prompt: string]> = {
  chatml: [
    '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n Hi\n<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n',
    '<|im_start|>assistant\n',
  ],
  bitnet: [
    '<s>System: Be kind.<|eot_id|>User: Hi<|eot_id|>Assistant: Hello!<|eot_id|>User: Bye<|eot_id|>',
    'Assistant: ',
  ],
  llama2: ['[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n Hi\n [/INST]Hello!</s>[INST] Bye [/INST]', ''],
  llama3: [
    '<|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>',
    '<|start_header_id|>assistant<|end_header_id|>\n\n',
  ],
  falcon3: [
    '<|system|>\nBe kind.\n<|user|>\n Hi\n\n<|assistant|>\nHello!\n<|user|>\nBye\n',
    '<|assistant|>\n',
  ],
  gemma: [
    '<start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n',
    '<start_of_turn>model\n',
  ],
  'mistral-v1': [' [INST] Be kind.\n\n Hi\n [/INST] Hello!</s> [INST] Bye [/INST]', ''],
  'mistral-v3': ['[INST] Be kind.\n\n Hi\n[/INST] Hello!</s>[INST] Bye[/INST]', ''],
  'mistral-v3-tekken': ['[INST]Be kind.\n\n Hi\n[/INST]Hello!</s>[INST]Bye[/INST]', ''],
  'mistral-v7': [
    '[SYSTEM_PROMPT] Be kind.[/SYSTEM_PROMPT][INST]  Hi\n[/INST] Hello!</s>[INST] Bye[/INST]',
    '',
  ],
  phi3: [
    '<|system|>\nBe kind.<|end|>\n<|user|>\n Hi\n<|end|>\n<|assistant|>\nHello!<|end|>\n<|user|>\nBye<|end|>\n',
    '<|assistant|>\n',
  ],
  phi4: [
    '<|im_start|>system<|im_sep|>Be kind.<|im_end|><|im_start|>user<|im_sep|> Hi\n<|im_end|><|im_start|>assistant<|im_sep|>Hello!<|im_end|><|im_start|>user<|im_sep|>Bye<|im_end|>',
    '<|im_start|>assistant<|im_sep|>',
  ],
  zephyr: [
    '<|system|>\nBe kind.</s>\n<|user|>\n Hi\n</s>\n<|assistant|>\nHello!</s>\n<|user|>\nBye</s>\n',
    '<|assistant|>\n',
  ],
  vicuna: ['Be kind.\n\nUSER:  Hi\n\nASSISTANT: Hello!</s>\nUSER: Bye\n', 'ASSISTANT:'],
  deepseek2: ['Be kind.\n\nUser:  Hi\n\n\nAssistant: Hello!</s>User: Bye\n\n', 'Assistant:'],
  deepseek3: [
    'Be kind.\n\n<｜User｜> Hi\n<｜Assistant｜>Hello!</s><｜User｜>Bye',
    '<｜Assistant｜>',
  ],
  granite: [
    '<|start_of_role|>system<|end_of_role|>Be kind.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|> Hi\n<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>Hello!<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Bye<|end_of_text|>\n',
    '<|start_of_role|>assistant<|end_of_role|>',
  ],
  minicpm: ['Be kind.<用户>Hi<AI>Hello!<用户>Bye<AI>', ''],
};

it.each(Object.entries(expected))(
  'The format %s is as llama.cpp writes it',
  (name, [chat, prompt]) => {
    expect(written(name, false)).toBe(chat);
    expect(written(name, true)).toBe(chat + prompt);
  },
);

it('Every built-in format is tested, under all its names', () => {
  const aliases = { qwen: 'chatml', 'bitnet-2b': 'bitnet' };
  expect([...chatTemplateNames].sort()).toEqual(
    [...Object.keys(expected), ...Object.keys(aliases)].sort(),
  );
  for (const [alias, name] of Object.entries(aliases)) {
    expect(builtinTemplates.get(alias)).toBe(builtinTemplates.get(name));
  }
});
