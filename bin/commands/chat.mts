import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { chatTemplateFor } from '../chat-template.mjs';
import { interruptedExitCode } from '../interrupt.mjs';
import { loadWithSpinner } from '../load-model.mjs';
import { type MessageReader, pipedMessages, typedMessages } from '../message-reader.mjs';
import { theModel } from '../model-argument.mjs';
import { loadOptions } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { isPiped } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';
import { type ChatOptions, chatOptions } from './chat-options.mjs';
import { ChatTalk } from './chat-talk.mjs';
import { describeModel } from './run-report.mjs';
import { fileOrText } from './text-arguments.mjs';

/** `bitnet chat`: a conversation, typed or piped in. */
export function chatCommand(): Command {
  return chatOptions().action(chat);
}

async function chat(
  argument: string | undefined,
  options: ChatOptions,
  command: Command,
): Promise<void> {
  await startChat(theModel(argument, command), options);
}

/** Talks with the model at `path` until the person leaves; also for `bitnet run` without a prompt. */
export async function startChat(path: string | undefined, options: ChatOptions): Promise<void> {
  const terminal = new Terminal(options);
  const system = await fileOrText(options.systemFile, options.system);
  const chatTemplate = await chatTemplateFor(options.chatTemplate);
  const loading = new AbortController();
  const stop = () => loading.abort();
  process.once('SIGINT', stop);
  const model = await loadWithSpinner(
    path,
    { ...loadOptions(options), chatTemplate, signal: loading.signal },
    terminal,
  );
  process.off('SIGINT', stop);
  try {
    describeModel(model, options, terminal);
    const talk = new ChatTalk(model, options, { terminal, output: new Output(), system });
    if (options.session !== undefined && existsSync(options.session)) {
      await talk.load(options.session, system);
    }
    const typed = !isPiped() && !options.json;
    if (typed) greet(talk, terminal);
    const reader = typed ? typedMessages() : pipedMessages();
    try {
      process.exitCode = await converse(talk, reader, typed, terminal);
    } finally {
      reader.close();
    }
    if (options.session !== undefined) await talk.save(options.session);
  } finally {
    model.close();
  }
}

function greet(talk: ChatTalk, terminal: Terminal): void {
  terminal.note(
    talk.chat.hasTemplate
      ? '/help lists commands; Ctrl-C stops an answer; Ctrl-D leaves.'
      : 'This model has no chat template: every message begins a text of its own. /help lists commands.',
  );
}

/** Until there is no more to read or someone wants to leave; returns the exit code. */
async function converse(
  talk: ChatTalk,
  reader: MessageReader,
  typed: boolean,
  terminal: Terminal,
): Promise<number> {
  let failed = false;
  let warned = false;
  for (;;) {
    const input = await reader.next();
    if (input === 'end') return failed ? 1 : 0;
    if (input === 'interrupt') {
      if (warned) return interruptedExitCode;
      terminal.note('Ctrl-C again or Ctrl-D leaves.');
      warned = true;
      continue;
    }
    warned = false;
    if (input.text.trim() === '') continue;
    const outcome = await talk.take(input);
    if (outcome === 'leave') return failed ? 1 : 0;
    if (outcome === 'failed') failed = !typed; // a person has seen it
    if (outcome === 'interrupted') {
      if (!typed) return interruptedExitCode; // nobody is there to go on
      warned = true;
    }
  }
}
