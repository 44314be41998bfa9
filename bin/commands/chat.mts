import process from 'node:process';
import type { Command } from 'commander';
import type { Model } from '../../lib/index.js';
import { describeAdapters, loadAdapters } from '../adapter-option.mjs';
import { chatTemplateFor } from '../chat-template.mjs';
import { loadDraft } from '../draft-model.mjs';
import {
  ctrlCSignal,
  endSignal,
  exitCodeOfInterrupt,
  interruptedExitCode,
  interruptSignal,
} from '../interrupt.mjs';
import { loadWithSpinner, prepareSaving } from '../load-model.mjs';
import { MessageHistory } from '../message-history.mjs';
import type { Message } from '../message-lines.mjs';
import {
  beginningWith,
  type MessageReader,
  pipedMessages,
  typedMessages,
} from '../message-reader.mjs';
import { theModel } from '../model-argument.mjs';
import { loadOptions } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { isPiped } from '../prompt.mjs';
import { checkSession } from '../session-path.mjs';
import { Terminal } from '../terminal.mjs';
import { chatCommands, commandNames, parseCommand } from './chat-commands.mjs';
import { completions } from './chat-completion.mjs';
import { type ChatOptions, chatOptions } from './chat-options.mjs';
import { tellResumed, typedText } from './chat-resumed.mjs';
import { ChatTalk, type Outcome } from './chat-talk.mjs';
import { grammarSettings } from './grammar-options.mjs';
import { describeModel } from './run-report.mjs';
import { checkLogprobs } from './sampler-options.mjs';
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
  checkLogprobs(options, command);
  await startChat(await theModel(argument, command), options);
}

/**
 * Talks with the model at `path` until the person leaves; also for `bitnet run` without a prompt, or with one and `-i`.
 * @param first what is said first
 */
export async function startChat(
  path: string | undefined,
  options: ChatOptions,
  first?: string,
): Promise<void> {
  const terminal = new Terminal(options);
  const typed = !isPiped() && !options.json;
  const signal = typed ? endSignal() : interruptSignal();
  const system = await fileOrText(options.systemFile, options.system);
  const grammar = await grammarSettings(options);
  const chatTemplate = await chatTemplateFor(options.chatTemplate);
  const resumes = await checkSession(options.session);
  const loading = ctrlCSignal();
  const any = AbortSignal.any([signal, loading.signal]);
  const load = { ...loadOptions(options), chatTemplate, signal: any };
  const model = await loadWithSpinner(path, load, terminal);
  const stopPreparing = prepareSaving(model);
  let draft: Model | undefined;
  try {
    draft = await loadDraft(options.draft, load, terminal);
    const adapters = await loadAdapters(model, options.adapter, any);
    describeModel(model, options, terminal);
    describeAdapters(adapters, terminal);
    const output = await Output.wrapping();
    const view = { terminal, output, typed, system, adapters, signal: any, draft, grammar };
    const talk = new ChatTalk(model, options, view);
    if (resumes) await talk.load(options.session!, system);
    // From here on Ctrl-C is heard by prompts and answers; between them it must not end a save.
    const between = ctrlCSignal();
    loading.end();
    if (typed) greet(talk, terminal);
    if (resumes) tellResumed(talk, 'Resumed');
    const others = typed ? await atTerminal(signal, terminal) : pipedMessages(signal);
    const reader = first === undefined ? others : beginningWith(first, others);
    if (typed && first !== undefined) terminal.note(typedText(first));
    try {
      process.exitCode = await converse(talk, reader);
    } finally {
      reader.close();
    }
    if (!(await talk.keep())) process.exitCode = 1;
    between.end();
    if (signal.aborted) process.exitCode = exitCodeOfInterrupt();
  } finally {
    stopPreparing();
    model.close();
    draft?.close();
  }
}

async function atTerminal(signal: AbortSignal, terminal: Terminal): Promise<MessageReader> {
  const history = await MessageHistory.open((text) => terminal.warn(text));
  return typedMessages(signal, history, (typed) => completions(typed, commandNames));
}

function greet(talk: ChatTalk, terminal: Terminal): void {
  if (!talk.chat.hasTemplate) {
    terminal.note('This model has no chat template: every message begins a text of its own.');
  }
  terminal.note('/help lists commands; Ctrl-C stops an answer; exit or Ctrl-D leaves.');
}

/** Runs until the input ends or the user leaves; returns the exit code. */
async function converse(talk: ChatTalk, reader: MessageReader): Promise<number> {
  const { terminal, typed } = talk;
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
    if (typed && input.plain && /^(exit|quit)$/i.test(input.text.trim())) {
      terminal.note(`Left. To say it to the model, write """${input.text.trim()}""".`);
      return 0;
    }
    const outcome = await take(talk, input);
    if (outcome === 'leave') return failed ? 1 : 0;
    if (outcome === 'failed') failed = !typed; // a person has seen it
    if (outcome === 'interrupted' && !typed) return interruptedExitCode; // no user to continue
  }
}

/** Answers a message, or does what a command says. */
function take(talk: ChatTalk, { text, plain }: Message): Promise<Outcome> {
  const command = plain ? parseCommand(text) : undefined;
  return talk.attempt(() => (command ? chatCommands(talk, command) : talk.say(text)));
}
