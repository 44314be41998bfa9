import { nearest } from '../../lib/generate/option-checks.js';
import type { ChatTalk, Outcome } from './chat-talk.mjs';

/** A line that begins with a slash. */
export interface SlashCommand {
  readonly name: string;
  readonly argument: string;
}

interface Action {
  /** What follows the name, for /help. */
  readonly argument?: string;
  readonly about: string;
  run(talk: ChatTalk, argument: string): Outcome | Promise<Outcome>;
}

const actions: Readonly<Record<string, Action>> = {
  help: { about: 'this list', run: help },
  clear: { about: 'forget the conversation; the system message stays', run: clear },
  regen: { about: 'another answer to the last message', run: (talk) => talk.regenerate() },
  save: { argument: '<file>', about: 'keep the chat in a file', run: save },
  load: { argument: '<file>', about: 'go on with a chat from a file', run: load },
  stats: { about: 'turns, tokens and memory', run: stats },
  exit: { about: 'leave; so does Ctrl-D', run: () => 'leave' },
};

/** `/name argument`; undefined for a message. */
export function parseCommand(text: string): SlashCommand | undefined {
  const [, name, argument] = /^\/(\S*)\s*(.*)$/s.exec(text.trim()) ?? [];
  return name === undefined ? undefined : { name, argument: argument! };
}

/** Does what a command says. */
export async function chatCommands(
  talk: ChatTalk,
  { name, argument }: SlashCommand,
): Promise<Outcome> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    const near = nearest(name, Object.keys(actions));
    const help = near ? `did you mean /${near}?` : '/help lists them.';
    return refuse(talk, `Expected a command, but received "/${name}"; ${help}`);
  }
  if ((argument === '') !== (action.argument === undefined)) {
    const form = `/${name}${action.argument ? ` ${action.argument}` : ''}`;
    return refuse(talk, `Expected ${form}, but received "/${`${name} ${argument}`.trim()}".`);
  }
  return action.run(talk, argument);
}

function refuse({ terminal }: ChatTalk, message: string): Outcome {
  terminal.error(message);
  return 'failed';
}

function help({ terminal }: ChatTalk): Outcome {
  for (const [name, { argument = '', about }] of Object.entries(actions)) {
    terminal.note(`${`/${name} ${argument}`.padEnd(14)} ${about}`);
  }
  terminal.note('\\ at the end of a line goes on to the next; """ … """ holds several lines.');
  return 'done';
}

function clear({ chat, terminal }: ChatTalk): Outcome {
  chat.clear();
  terminal.note('Forgotten.');
  return 'done';
}

async function save(talk: ChatTalk, path: string): Promise<Outcome> {
  await talk.save(path);
  talk.terminal.note(`Saved ${talk.chat.session.position} tokens.`);
  return 'done';
}

async function load(talk: ChatTalk, path: string): Promise<Outcome> {
  await talk.load(path);
  talk.terminal.note(`Loaded ${turnsOf(talk)}.`);
  return 'done';
}

function stats(talk: ChatTalk): Outcome {
  const { chat, terminal, totals } = talk;
  const { position, contextLength, bytesPerToken, kvType } = chat.session;
  const mebibytes = ((position * bytesPerToken) / 2 ** 20).toFixed(1);
  terminal.note(`remembered  ${turnsOf(talk)}`);
  terminal.note(
    `context     ${position} of ${contextLength} tokens, ${mebibytes} MiB of ${kvType}`,
  );
  terminal.note(`evaluated   ${totals.newTokens} new tokens, ${totals.keptTokens} kept`);
  terminal.note(`written     ${totals.writtenTokens} tokens in ${totals.turns} turns`);
  return 'done';
}

function turnsOf({ chat }: ChatTalk): string {
  const turns = chat.messages.length / 2;
  return `${turns} ${turns === 1 ? 'turn' : 'turns'}`;
}
