import { basename } from 'node:path';
import type { Command } from 'commander';
import type { ChatMessage, Model, Session, TokenLogprob } from '../../lib/index.js';
import { describeAdapters, loadAdapters } from '../adapter-option.mjs';
import { chatTemplateFor } from '../chat-template.mjs';
import { loadDraft } from '../draft-model.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { loadWithSpinner, prepareSaving } from '../load-model.mjs';
import { contextLength, loadOptions } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { isPiped, readStdin } from '../prompt.mjs';
import { readingSpinner } from '../reading-spinner.mjs';
import { checkSession } from '../session-path.mjs';
import { Terminal } from '../terminal.mjs';
import { resolveEscapes } from './escapes.mjs';
import { type GrammarSettings, grammarSettings } from './grammar-options.mjs';
import { generateOptions, type RunOptions, runOptions } from './run-options.mjs';
import {
  describeHead,
  describeModel,
  describeSettings,
  isPartial,
  summaryLine,
} from './run-report.mjs';
import { checkLogprobs } from './sampler-options.mjs';
import { fileOrText, modelAndText } from './text-arguments.mjs';

/** `bitnet run`: a prompt in, its continuation or answer out; without a prompt on a terminal, a chat. */
export function runCommand(): Command {
  return runOptions().action(run);
}

async function run(
  argument: string | undefined,
  words: readonly string[],
  options: RunOptions,
  command: Command,
): Promise<void> {
  if (options.raw && (options.system ?? options.systemFile) !== undefined) {
    command.error('error: Expected --raw or a system message, but received both.');
  }
  checkLogprobs(options, command);
  const { path, text } = await modelAndText(argument, words, options, command);
  if (wantsChat(text, options)) {
    const { prompt, ...written } = await writtenTexts(text, options);
    const { startChat } = await import('./chat.mjs'); // most runs are none
    return startChat(path, { ...options, ...written, systemFile: undefined }, prompt);
  }
  const terminal = new Terminal(options);
  const output = await Output.wrapping();
  const signal = interruptSignal();
  const fromStdin = options.file === '-' || (options.stdin && isPiped());
  const { prompt: given, system, stop } = await writtenTexts(text, options);
  const grammar = await grammarSettings(options);
  const continues = await checkSession(options.session);
  if (given === undefined && !fromStdin && !continues) await refuseWithoutPrompt(path, command);

  const chatTemplate = await chatTemplateFor(options.chatTemplate);
  const loading = { ...loadOptions(options), chatTemplate, signal };
  const model = await loadWithSpinner(path, loading, terminal);
  const stopPreparing = options.session === undefined ? () => {} : prepareSaving(model);
  let draft: Model | undefined;
  try {
    draft = await loadDraft(options.draft, loading, terminal);
    const adapters = await loadAdapters(model, options.adapter, signal);
    describeModel(model, options, terminal);
    describeAdapters(adapters, terminal);
    if (system !== undefined && !model.chatTemplate) {
      const name = JSON.stringify(basename(model.path));
      const reason = `the model ${name} has no chat template, so it only continues text; choose another, or give a template (--chat-template)`;
      command.error(`error: Expected no system message: ${reason}.`);
    }
    const awaited =
      given === undefined ? 'the prompt' : 'what follows the prompt (--no-stdin: nothing)';
    const piped = fromStdin ? await readStdin(terminal, signal, { awaited }) : undefined;
    const prompt = [given, piped].filter(Boolean).join('\n');
    const absent = prompt === '' && given === undefined;
    if (absent && !continues) await refuseWithoutPrompt(path, command);
    const shown = options.displayPrompt && (options.raw || !model.chatTemplate);
    const session = model.createSession({
      kvType: options.kvType,
      contextLength: contextLength(options, model),
      adapters,
    });
    if (continues) await session.load(options.session!, { signal });
    const input = absent ? undefined : wrap(model, prompt, system, options);
    const view = { options: { ...options, stop }, draft, grammar, terminal, output, signal };
    await write(model, session, input, { ...view, echoed: shown ? prompt : '' });
  } finally {
    stopPreparing();
    model.close();
    draft?.close();
  }
}

/** Whether a chat was asked for, or a person who gave no prompt is there to say something. */
function wantsChat(
  text: string | undefined,
  { file, session, stdin, raw, json, interactive }: RunOptions,
): boolean {
  if (interactive || (text ?? file ?? session) !== undefined) return interactive === true;
  return stdin && !raw && !json && !isPiped();
}

/** Prompt, system message and stop texts from wherever the options say they are, with --escape resolved. */
async function writtenTexts(text: string | undefined, options: RunOptions) {
  const file = options.file === '-' ? undefined : options.file;
  const prompt = await fileOrText(file, text);
  const system = await fileOrText(options.systemFile, options.system);
  if (!options.escape) return { prompt, system, stop: options.stop };
  return {
    prompt: prompt && resolveEscapes(prompt),
    system: system && resolveEscapes(system),
    stop: options.stop?.map(resolveEscapes),
  };
}

/** A missing prompt is wrong usage, but a missing model is the worse news of the two. */
async function refuseWithoutPrompt(path: string | undefined, command: Command): Promise<never> {
  const { inspectModel } = await import('../../lib/inspect.js');
  await inspectModel(path);
  return command.error('error: Expected a prompt: -p <text>, -f <file> or text on standard input.');
}

/** The prompt as the model expects it: in its chat template, or unchanged. */
function wrap(
  model: Model,
  prompt: string,
  system: string | undefined,
  options: RunOptions,
): string | readonly number[] {
  if (options.raw || !model.chatTemplate) return prompt;
  const messages: ChatMessage[] = [{ role: 'user', content: prompt }];
  if (system !== undefined) messages.unshift({ role: 'system', content: system });
  return model.chatTemplate.encode(messages, { addGenerationPrompt: true });
}

/** Generates, and shows the text as it comes or, with `--json`, everything at the end; with `--json-lines` both as JSON. */
async function write(
  model: Model,
  session: Session,
  input: string | readonly number[] | undefined,
  view: {
    options: RunOptions;
    draft: Model | undefined;
    /** What the text must be, if anything was said. */
    grammar: GrammarSettings;
    terminal: Terminal;
    output: Output;
    signal: AbortSignal;
    /** The text that the answer continues, to be shown before it. */
    echoed: string;
  },
): Promise<void> {
  const { options, draft, grammar, terminal, output, signal, echoed } = view;
  const { prompt, kept } = options.session
    ? resumed(model, session, input, options)
    : { prompt: input!, kept: undefined };
  const save = async () => {
    if (options.session !== undefined) await session.save(options.session);
  };
  const reading = readingSpinner(terminal);
  const generation = session.generate(prompt, {
    ...generateOptions(options, signal, draft),
    ...grammar,
    parseSpecial: options.raw,
    onProgress: reading.update,
  });
  const begin = () => {
    if (reading.stop()) terminal.echo(echoed, (beginning) => output.begin(beginning));
  };
  let text = '';
  const ids: number[] = [];
  const logprobs: TokenLogprob[] = [];
  try {
    for await (const piece of generation) {
      begin();
      text += piece.text;
      for (const id of piece.ids) ids.push(id);
      for (const one of piece.logprobs ?? []) logprobs.push(one);
      if (options.jsonLines) await output.json(piece);
      else if (!options.json) await output.text(piece.text);
    }
    begin();
    await output.endLine();
  } catch (error) {
    reading.stop();
    await output.endLine();
    if (isPartial(error)) {
      await save();
      terminal.note(summaryLine(model, error, kept));
    }
    throw error;
  }
  const result = await generation.result;
  await save();
  if (options.json) {
    const { path, kernel, tuning, threads } = model;
    await output.json({
      text,
      ids,
      logprobs: options.logprobs === undefined ? undefined : logprobs,
      ...result,
      keptTokens: kept,
      model: path,
      kernel,
      tuning,
      threads,
    });
  }
  describeSettings(options, result.seed, terminal);
  describeHead(model, terminal);
  terminal.note(summaryLine(model, result, kept));
}

/**
 * What is left of the prompt when the session has some of it. Without a prompt the saved text goes
 * on: with the token that was written last, which is not evaluated yet, or is once more.
 */
function resumed(
  { tokenizer }: Model,
  session: Session,
  input: string | readonly number[] | undefined,
  { raw: parseSpecial = false }: RunOptions,
): { prompt: readonly number[]; kept: number } {
  if (input === undefined) {
    const kept = session.position;
    if (session.hasPending || kept === 0) return { prompt: [], kept };
    const { tokens } = session;
    session.truncate(kept - 1);
    return { prompt: [tokens.at(-1)!], kept: kept - 1 };
  }
  const begin = tokenizer.addBos && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
  let ids = input;
  if (typeof ids === 'string') {
    ids = tokenizer.encode(ids, { parseSpecial });
    if (ids[0] !== begin[0]) ids = [...begin, ...ids];
  }
  const kept = session.keepPrefix(ids);
  return { prompt: ids.slice(kept), kept };
}
