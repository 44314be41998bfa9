import { Command, Option } from 'commander';
import { chatTemplateOption } from '../chat-template.mjs';
import { type EngineOptions, modelOption } from '../model-options.mjs';
import {
  chatOption,
  engineOptions,
  type GenerationOptions,
  generationOptions,
  type OutputOptions,
  outputOptions,
} from './run-options.mjs';

/** The options of `bitnet chat` as commander hands them over. */
export interface ChatOptions extends GenerationOptions, EngineOptions, OutputOptions {
  model?: string;
  system?: string | undefined;
  systemFile?: string | undefined;
  chatTemplate?: string;
  session?: string;
}

const examples = `
Examples:
  bitnet chat model.gguf
  bitnet chat model.gguf --system "Answer in one sentence." --session talk.session
  printf 'Hello\\nAnd again?\\n' | bitnet chat model.gguf --json

/help lists the commands. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`;

/** `bitnet chat` with all its options, without what it does. */
export function chatOptions(): Command {
  const command = new Command('chat')
    .description('Chat with a model.')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .addHelpText('after', examples);
  command
    .optionsGroup('Input:')
    .addOption(modelOption())
    .option('--system <text>', 'system message, for models with a chat template')
    .addOption(
      new Option('--system-file <file>', 'file with the system message').conflicts('system'),
    )
    .addOption(chatTemplateOption())
    .option('--session <file>', 'file that keeps the chat')
    .addOption(chatOption().hideHelp());
  generationOptions(command.optionsGroup('Generation:'));
  engineOptions(command.optionsGroup('Engine:'));
  outputOptions(command.optionsGroup('Output:'));
  return command;
}
