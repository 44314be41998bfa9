/*
 * The formats of model families, for files without a template or with a wrong one. The names are those
 * that llama.cpp's --chat-template takes, and so is what they write. Most leave the begin token to the
 * tokenizer, which adds it once.
 */

/** ChatML: Qwen, SmolLM2, MiniCPM4, Hermes and many others. */
const chatml = `{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

/**
 * bitnet-b1.58-2B-4T: the role, capitalized, and the trimmed content, each message closed by
 * `<|eot_id|>`. The space after the last "Assistant:" belongs to the format.
 */
const bitnet = `{{ bos_token }}{% for m in messages %}{{ m.role | capitalize ~ ': ' ~ m.content | trim ~ '<|eot_id|>' }}{% endfor %}
{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}`;

/** The versions of Mistral's format differ only in their spaces. */
function mistral(before: string, behind: string, answer: string): string {
  return `{% set ns = namespace(open=false) %}
{% for m in messages %}
{% if not ns.open %}{{ '${before}[INST]${behind}' }}{% set ns.open = true %}{% endif %}
{% if m.role == 'system' %}{{ m.content ~ '\\n\\n' }}
{%- elif m.role == 'user' %}{{ m.content ~ '${before}[/INST]' }}
{%- else %}{{ '${behind}' ~ ${answer} ~ eos_token }}{% set ns.open = false %}{% endif %}
{% endfor %}`;
}

const templates: Readonly<Record<string, string>> = {
  chatml,
  qwen: chatml,
  bitnet,
  'bitnet-2b': bitnet,
  llama2: `{% set ns = namespace(open=false) %}
{% for m in messages %}
{% if not ns.open %}{{ '[INST] ' }}{% set ns.open = true %}{% endif %}
{% if m.role == 'system' %}{{ '<<SYS>>\\n' ~ m.content ~ '\\n<</SYS>>\\n\\n' }}
{%- elif m.role == 'user' %}{{ m.content ~ ' [/INST]' }}
{%- else %}{{ m.content ~ eos_token }}{% set ns.open = false %}{% endif %}
{% endfor %}`,
  llama3: `{% for m in messages %}{{ '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\\n\\n' ~ m.content | trim ~ '<|eot_id|>' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`,
  falcon3: `{% for m in messages %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ '\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}`,
  gemma: `{% set ns = namespace(system='') %}
{% for m in messages %}
{% if m.role == 'system' %}{% set ns.system = m.content | trim ~ '\\n\\n' %}
{% elif m.role == 'assistant' %}{{ '<start_of_turn>model\\n' ~ m.content | trim ~ '<end_of_turn>\\n' }}
{%- else %}{{ '<start_of_turn>' ~ m.role ~ '\\n' ~ ns.system ~ m.content | trim ~ '<end_of_turn>\\n' }}{% set ns.system = '' %}{% endif %}
{% endfor %}
{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}`,
  'mistral-v1': mistral(' ', ' ', 'm.content'),
  'mistral-v3': mistral('', ' ', 'm.content | trim'),
  'mistral-v3-tekken': mistral('', '', 'm.content'),
  'mistral-v7': `{% for m in messages %}
{% if m.role == 'system' %}{{ '[SYSTEM_PROMPT] ' ~ m.content ~ '[/SYSTEM_PROMPT]' }}
{%- elif m.role == 'user' %}{{ '[INST] ' ~ m.content ~ '[/INST]' }}
{%- else %}{{ ' ' ~ m.content ~ eos_token }}{% endif %}
{% endfor %}`,
  phi3: `{% for m in messages %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ '<|end|>\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}`,
  phi4: `{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '<|im_sep|>' ~ m.content ~ '<|im_end|>' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}`,
  zephyr: `{% for m in messages %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ eos_token ~ '\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}`,
  vicuna: `{% for m in messages %}
{% if m.role == 'system' %}{{ m.content ~ '\\n\\n' }}
{%- elif m.role == 'user' %}{{ 'USER: ' ~ m.content ~ '\\n' }}
{%- else %}{{ 'ASSISTANT: ' ~ m.content ~ eos_token ~ '\\n' }}{% endif %}
{% endfor %}
{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}`,
  deepseek2: `{% for m in messages %}
{% if m.role == 'system' %}{{ m.content ~ '\\n\\n' }}
{%- elif m.role == 'user' %}{{ 'User: ' ~ m.content ~ '\\n\\n' }}
{%- else %}{{ 'Assistant: ' ~ m.content ~ eos_token }}{% endif %}
{% endfor %}
{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}`,
  deepseek3: `{% for m in messages %}
{% if m.role == 'system' %}{{ m.content ~ '\\n\\n' }}
{%- elif m.role == 'user' %}{{ '<｜User｜>' ~ m.content }}
{%- else %}{{ '<｜Assistant｜>' ~ m.content ~ eos_token }}{% endif %}
{% endfor %}
{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}`,
  granite: `{% for m in messages %}{{ '<|start_of_role|>' ~ m.role ~ '<|end_of_role|>' ~ m.content ~ '<|end_of_text|>\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}`,
  minicpm: `{% for m in messages %}{{ '<用户>' ~ m.content | trim ~ '<AI>' if m.role == 'user' else m.content | trim }}{% endfor %}`,
};

/** Their sources by name. */
export const builtinTemplates: ReadonlyMap<string, string> = new Map(Object.entries(templates));

/** The names of the built-in chat templates. */
export const chatTemplateNames: readonly string[] = [...builtinTemplates.keys()];
