import { count } from '../../lib/count.js';
import { writableTarget } from '../../lib/files/target.js';
import type {
  AdapterUse,
  Chat,
  ChatResult,
  Generation,
  Model,
  TokenLogprob,
} from '../../lib/index.js';
import { sessionFile } from '../../lib/model/session/session-file.js';
import { ctrlCSignal } from '../interrupt.mjs';
import { contextLength } from '../model-options.mjs';
import type { Output } from '../output.mjs';
import { readTextFile } from '../prompt.mjs';
import { readingSpinner } from '../reading-spinner.mjs';
import type { Terminal } from '../terminal.mjs';
import type { ChatOptions } from './chat-options.mjs';
import type { GrammarSettings } from './grammar-options.mjs';
import { type GenerationOptions, generateOptions } from './run-options.mjs';
import { describeSettings, isPartial, summaryLine } from './run-report.mjs';

/** What became of a message. */
export type Outcome = 'done' | 'leave' | 'failed' | 'interrupted';

interface View {
  readonly terminal: Terminal;
  readonly output: Output;
  /** Whether a person types the messages. */
  readonly typed: boolean;
  readonly system: string | undefined;
  readonly adapters: readonly AdapterUse[];
  /** Ends every answer. */
  readonly signal: AbortSignal;
  /** What drafts, if anything. */
  readonly draft: Model | undefined;
  /** What answers must be, if anything was said. */
  readonly grammar: GrammarSettings;
}

/** A chat with a face: answers on standard output, everything else on standard error. */
export class ChatTalk {
  readonly model: Model;
  readonly chat: Chat;
  readonly terminal: Terminal;
  /** Whether a person types the messages. */
  readonly typed: boolean;
  /** Of all turns so far. */
  readonly totals = { turns: 0, newTokens: 0, keptTokens: 0, writtenTokens: 0 };
  /** How text is drawn, now and as the command line said. */
  settings: GenerationOptions;
  readonly initialSettings: GenerationOptions;
  /** Tokens and speed of the last turn. */
  lastSummary: string | undefined;
  readonly #options: ChatOptions;
  readonly #output: Output;
  readonly #signal: AbortSignal;
  readonly #draft: Model | undefined;
  readonly #grammar: GrammarSettings;
  /** What was read from files and stands before the next message. */
  #before: string[] = [];
  /** Whether the chat is not what its session file holds. */
  #changed = false;

  constructor(model: Model, options: ChatOptions, view: View) {
    const { terminal, output, typed, system, adapters, signal } = view;
    this.model = model;
    this.chat = model.createChat({
      system,
      kvType: options.kvType,
      contextLength: contextLength(options, model),
      adapters,
    });
    this.terminal = terminal;
    this.typed = typed;
    this.settings = this.initialSettings = options;
    this.#options = options;
    this.#output = output;
    this.#signal = signal;
    this.#draft = view.draft;
    this.#grammar = view.grammar;
  }

  /** Does something with the chat and keeps what came of it; errors are shown, not thrown. */
  async attempt(action: () => Outcome | Promise<Outcome>): Promise<Outcome> {
    try {
      return await action();
    } catch (error) {
      return this.#failed(error);
    } finally {
      await this.keep();
    }
  }

  /** Says a text, after what was read from files. */
  async say(text: string): Promise<Outcome> {
    return this.#send([...this.#before, text].join('\n\n'));
  }

  async regenerate(): Promise<Outcome> {
    return this.#answer((options) => this.chat.regenerate(options));
  }

  /** Puts a file's text before the next message; returns how many characters it has. */
  async read(path: string): Promise<number> {
    const text = await readTextFile(path, { regular: true });
    this.#before.push(text);
    return text.length;
  }

  clear(): void {
    this.chat.clear();
    this.#before = [];
    this.#changed = true;
  }

  /** @param overwrite whether a file of another kind may be replaced */
  async save(path: string, overwrite = false): Promise<void> {
    const remedy = 'allow it to be replaced (/save --force <file>)';
    await writableTarget(path, { kind: sessionFile, overwrite, remedy });
    await this.chat.save(path, { overwrite });
  }

  /** @param system replaces that of the file */
  async load(path: string, system?: string): Promise<void> {
    await this.chat.load(path, { signal: this.#signal });
    if (system !== undefined) this.chat.system = system;
    this.#changed = path !== this.#options.session;
  }

  /** Brings the session file up to date; returns whether that could be done. */
  async keep(): Promise<boolean> {
    const { session } = this.#options;
    if (session === undefined || !this.#changed) return true;
    const spinner = this.terminal.spinner('Saving the chat');
    try {
      await this.save(session);
      this.#changed = false;
      return true;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (!code?.startsWith('ERR_BITNET_')) throw error;
      spinner.stop();
      this.terminal.error(`The chat is not kept: ${message}`);
      return false;
    } finally {
      spinner.stop();
    }
  }

  /** How many turns are remembered, in words. */
  get turns(): string {
    return count(this.chat.messages.length / 2, 'turn');
  }

  /** Says a text that may begin with files: they are done with, unless it was stopped before any answer. */
  async #send(text: string): Promise<Outcome> {
    const files = this.#before;
    this.#before = [];
    try {
      return await this.#answer((options) => this.chat.send(text, options));
    } catch (error) {
      const outcome = await this.#failed(error);
      const answered = this.chat.messages.at(-2)?.content === text;
      if (files.length === 0 || answered) return outcome;
      if (outcome !== 'interrupted') {
        this.terminal.note('What was read with /read was dropped with the message.');
        return outcome;
      }
      this.#before = files;
      const kept = 'What was read with /read still goes in front of your next message';
      if (this.typed) this.terminal.note(`${kept}; /clear drops it.`);
      return outcome;
    }
  }

  /** Shows an answer as it comes or, with `--json`, as one object at its end. */
  async #answer(
    reply: (options: ReturnType<typeof generateOptions>) => Generation<ChatResult>,
  ): Promise<Outcome> {
    const { json, verbose } = this.#options;
    const { signal, end } = ctrlCSignal();
    const reading = readingSpinner(this.terminal);
    let text = '';
    const ids: number[] = [];
    const logprobs: TokenLogprob[] = [];
    let result: ChatResult;
    try {
      const generation = reply({
        ...generateOptions(this.settings, AbortSignal.any([signal, this.#signal]), this.#draft),
        ...this.#grammar,
        onProgress: reading.update,
      });
      for await (const piece of generation) {
        reading.stop();
        this.#changed = true;
        text += piece.text;
        for (const id of piece.ids) ids.push(id);
        for (const one of piece.logprobs ?? []) logprobs.push(one);
        if (!json) await this.#output.text(piece.text);
      }
      result = await generation.result;
      this.#changed = true;
    } finally {
      reading.stop();
      await this.#output.endLine();
      end();
    }
    this.#count(result);
    if (json) {
      const asked = this.settings.logprobs !== undefined;
      await this.#output.json({ text, ids, logprobs: asked ? logprobs : undefined, ...result });
    }
    this.#tellDropped(result.droppedTurns);
    describeSettings(this.settings, result.seed, this.terminal);
    this.lastSummary = summaryLine(this.model, result, result.keptTokens);
    if (verbose) this.terminal.note(this.lastSummary);
    else this.#tellCut(result);
    return 'done';
  }

  async #failed(error: unknown): Promise<Outcome> {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || !code.startsWith('ERR_BITNET_')) throw error;
    const interrupted = code === 'ERR_BITNET_ABORTED';
    if (this.#options.json) {
      const { text, ids, usage, timings, seed } = error as unknown as Record<string, unknown>;
      const partial = interrupted ? { text, ids, usage, timings, seed } : {};
      await this.#output.json({ error: { code, message }, ...partial });
    } else if (!interrupted) {
      this.terminal.error(message);
    }
    if (interrupted && isPartial(error)) {
      const { keptTokens, droppedTurns } = error as Partial<ChatResult>;
      const { promptTokens, completionTokens } = error.usage;
      this.#tellDropped(droppedTurns ?? 0);
      this.lastSummary = summaryLine(this.model, error, keptTokens);
      if (this.#options.verbose) this.terminal.note(this.lastSummary);
      else if (completionTokens === 0) {
        this.terminal.note(
          `Stopped after ${count(promptTokens, 'token')} of the prompt; nothing was said.`,
        );
      }
    }
    return interrupted ? 'interrupted' : 'failed';
  }

  #tellDropped(turns: number): void {
    if (turns === 0) return;
    const what = turns === 1 ? 'oldest turn was' : `oldest ${turns} turns were`;
    this.terminal.warn(`The context was full: the ${what} forgotten.`);
  }

  #tellCut({ stopReason, usage }: ChatResult): void {
    const tokens = count(usage.completionTokens, 'token');
    if (stopReason === 'length') this.terminal.note(`Cut off after ${tokens} (-n).`);
    if (stopReason === 'context') this.terminal.note('Cut off: the context is full.');
  }

  #count({ usage, keptTokens }: ChatResult): void {
    this.totals.turns++;
    this.totals.newTokens += usage.promptTokens;
    this.totals.keptTokens += keptTokens;
    this.totals.writtenTokens += usage.completionTokens;
  }
}
