import type { Chat, ChatResult, Generation, Model } from '../../lib/index.js';
import { ctrlCSignal } from '../interrupt.mjs';
import type { Message } from '../message-lines.mjs';
import { contextLength } from '../model-options.mjs';
import type { Output } from '../output.mjs';
import type { Terminal } from '../terminal.mjs';
import { chatCommands, parseCommand } from './chat-commands.mjs';
import type { ChatOptions } from './chat-options.mjs';
import { generateOptions } from './run-options.mjs';
import { describeSettings, isPartial, summaryLine } from './run-report.mjs';

/** What became of a message. */
export type Outcome = 'done' | 'leave' | 'failed' | 'interrupted';

interface View {
  readonly terminal: Terminal;
  readonly output: Output;
  readonly system: string | undefined;
}

/** A chat with a face: answers on standard output, everything else on standard error. */
export class ChatTalk {
  readonly model: Model;
  readonly chat: Chat;
  readonly terminal: Terminal;
  /** Of all turns so far. */
  readonly totals = { turns: 0, newTokens: 0, keptTokens: 0, writtenTokens: 0 };
  readonly #options: ChatOptions;
  readonly #output: Output;

  constructor(model: Model, options: ChatOptions, { terminal, output, system }: View) {
    this.model = model;
    this.chat = model.createChat({
      system,
      kvType: options.kvType,
      contextLength: contextLength(options, model),
    });
    this.terminal = terminal;
    this.#options = options;
    this.#output = output;
  }

  /** Answers a message, or does what a command says; errors are shown, not thrown. */
  async take(message: Message): Promise<Outcome> {
    try {
      const command = message.plain ? parseCommand(message.text) : undefined;
      if (command === undefined) return await this.#answer(this.#send(message.text));
      return await chatCommands(this, command);
    } catch (error) {
      return this.#failed(error);
    }
  }

  async regenerate(): Promise<Outcome> {
    const { signal, end } = ctrlCSignal();
    try {
      return await this.#answer({ reply: this.chat.regenerate(this.#settings(signal)), end });
    } finally {
      end();
    }
  }

  async save(path: string): Promise<void> {
    await this.chat.save(path);
  }

  /** @param system replaces that of the file */
  async load(path: string, system?: string): Promise<void> {
    await this.chat.load(path);
    if (system !== undefined) this.chat.system = system;
  }

  #send(text: string) {
    const { signal, end } = ctrlCSignal();
    return { reply: this.chat.send(text, this.#settings(signal)), end };
  }

  #settings(signal: AbortSignal) {
    return generateOptions(this.#options, signal);
  }

  /** Shows an answer as it comes or, with `--json`, as one object at its end. */
  async #answer({
    reply,
    end,
  }: {
    reply: Generation<ChatResult>;
    end: () => void;
  }): Promise<Outcome> {
    const { json } = this.#options;
    let text = '';
    const ids: number[] = [];
    try {
      for await (const piece of reply) {
        text += piece.text;
        ids.push(...piece.ids);
        if (!json) await this.#output.text(piece.text);
      }
      await this.#output.endLine();
    } catch (error) {
      await this.#output.endLine();
      throw error;
    } finally {
      end();
    }
    const result = await reply.result;
    this.#count(result);
    if (json) await this.#output.json({ text, ids, ...result });
    this.#tellDropped(result.droppedTurns);
    describeSettings(this.#options, result.seed, this.terminal);
    this.terminal.note(summaryLine(this.model, result, result.keptTokens));
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
      this.#tellDropped(droppedTurns ?? 0);
      this.terminal.note(summaryLine(this.model, error, keptTokens));
    }
    return interrupted ? 'interrupted' : 'failed';
  }

  #tellDropped(turns: number): void {
    if (turns === 0) return;
    const what = turns === 1 ? 'oldest turn was' : `oldest ${turns} turns were`;
    this.terminal.warn(`The context was full: the ${what} forgotten.`);
  }

  #count({ usage, keptTokens }: ChatResult): void {
    this.totals.turns++;
    this.totals.newTokens += usage.promptTokens;
    this.totals.keptTokens += keptTokens;
    this.totals.writtenTokens += usage.completionTokens;
  }
}
