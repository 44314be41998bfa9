import { nearest } from '../../lib/checks/options.js';
import { count } from '../../lib/count.js';
import { typedPath } from './chat-completion.mjs';
import { tellResumed } from './chat-resumed.mjs';
import {
  findSetting,
  settingLine,
  settingLines,
  settingNames,
  unquoted,
  withSetting,
} from './chat-settings.mjs';
import type { ChatTalk, Outcome } from './chat-talk.mjs';

/** A line that begins with a slash. */
export interface SlashCommand {
  readonly name: string;
  readonly argument: string;
}

interface Action {
  /** What follows the name, for /help: `<…>` must be there, `[…]` may. */
  readonly argument?: string;
  readonly about: string;
  run(talk: ChatTalk, argument: string): Outcome | Promise<Outcome>;
}

const actions: Readonly<Record<string, Action>> = {
  help: { about: 'this list; so does /?', run: help },
  clear: { about: 'forget the conversation; the system message stays', run: clear },
  regen: { about: 'another answer to the last message', run: (talk) => talk.regenerate() },
  system: { argument: '[text]', about: 'show or change the system message; "": none', run: system },
  set: { argument: '[name [value]]', about: 'show or change how text is drawn', run: set },
  read: { argument: '<file>', about: 'put a text file in front of the next message', run: read },
  save: { argument: '<file>', about: 'keep the chat in a file', run: save },
  load: { argument: '<file>', about: 'go on with a chat from a file', run: load },
  stats: { about: 'turns, tokens, memory and speed', run: stats },
  exit: { about: 'leave; so do /bye, /quit, exit, quit and Ctrl-D', run: () => 'leave' },
};

const aliases: Readonly<Record<string, string>> = { '?': 'help', bye: 'exit', quit: 'exit' };

/** Of every command, other names included. */
export const commandNames: readonly string[] = [...Object.keys(actions), ...Object.keys(aliases)];

/** `/name argument`; undefined for a message. */
export function parseCommand(text: string): SlashCommand | undefined {
  const [, name, argument] = /^\/(\S*)\s*(.*)$/s.exec(text.trim()) ?? [];
  return name === undefined ? undefined : { name, argument: argument! };
}

/** Does what a command says. */
export async function chatCommands(talk: ChatTalk, command: SlashCommand): Promise<Outcome> {
  const { argument } = command;
  const name = Object.hasOwn(aliases, command.name) ? aliases[command.name]! : command.name;
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    const near = nearest(name, commandNames);
    const help = near ? `did you mean /${near}?` : '/help lists them.';
    return refuse(talk, `Expected a command, but received "/${name}"; ${help}`);
  }
  const { argument: form = '' } = action;
  if (form === '' && argument !== '') {
    const received = JSON.stringify(argument);
    return refuse(talk, `Expected no argument after /${command.name}, but received ${received}.`);
  }
  if (form.startsWith('<') && argument === '') {
    return refuse(talk, `Expected /${name} ${form}, but received "/${name}".`);
  }
  return action.run(talk, argument);
}

function refuse({ terminal }: ChatTalk, message: string): Outcome {
  terminal.error(message);
  return 'failed';
}

function help({ terminal }: ChatTalk): Outcome {
  for (const [name, { argument = '', about }] of Object.entries(actions)) {
    terminal.note(`${`/${name} ${argument}`.padEnd(20)} ${about}`);
  }
  terminal.note('\\ at the end of a line continues it on the next; """ … """ holds several lines.');
  return 'done';
}

function clear(talk: ChatTalk): Outcome {
  talk.clear();
  talk.terminal.note('The conversation was cleared.');
  return 'done';
}

/** `/system text`, also as `/set system text`. */
function system({ chat, terminal }: ChatTalk, argument: string): Outcome {
  if (argument === '') {
    terminal.note(chat.system ?? 'There is no system message.');
    return 'done';
  }
  chat.system = unquoted(argument) || undefined;
  terminal.note('Applies from the next message on; the whole chat is then read again.');
  return 'done';
}

/** `/set`, `/set temp`, `/set temp 0.5`; also `/set parameter temperature 0.5`, as others have it. */
function set(talk: ChatTalk, argument: string): Outcome {
  const { terminal } = talk;
  const [, name = '', text = ''] =
    /^(\S*)\s*(.*)$/s.exec(argument.replace(/^parameters?\s+/, '')) ?? [];
  if (name === 'system') return system(talk, text);
  if (name === '') {
    for (const line of settingLines(talk.settings)) terminal.note(line);
    return 'done';
  }
  const setting = findSetting(name);
  if (setting === undefined) {
    const near = nearest(name, settingNames);
    const rest = near ? `did you mean ${near}?` : '/set lists them.';
    return refuse(talk, `Expected a setting, but received ${JSON.stringify(name)}; ${rest}`);
  }
  if (text !== '') {
    try {
      talk.settings = withSetting(talk.settings, setting, text, talk.initialSettings);
    } catch (error) {
      const received = JSON.stringify(text);
      return refuse(talk, `${(error as Error).message} Received ${received} for ${name}.`);
    }
  }
  terminal.note(settingLine(setting, talk.settings));
  return 'done';
}

async function read(talk: ChatTalk, argument: string): Promise<Outcome> {
  const characters = await talk.read(typedPath(argument));
  talk.terminal.note(
    `Read ${count(characters, 'character')}; the file goes in front of your next message.`,
  );
  return 'done';
}

async function save(talk: ChatTalk, argument: string): Promise<Outcome> {
  const [, force, path] = /^(--force\s+)?(.*)$/s.exec(argument)!;
  await talk.save(typedPath(path!), force !== undefined);
  talk.terminal.note(`Saved ${count(talk.chat.session.position, 'token')}.`);
  return 'done';
}

async function load(talk: ChatTalk, argument: string): Promise<Outcome> {
  await talk.load(typedPath(argument));
  tellResumed(talk, 'Loaded');
  return 'done';
}

function stats(talk: ChatTalk): Outcome {
  const { chat, terminal, totals } = talk;
  const { position, contextLength, bytesPerToken, kvType } = chat.session;
  const mebibytes = ((position * bytesPerToken) / 2 ** 20).toFixed(1);
  terminal.note(`remembered  ${talk.turns}`);
  terminal.note(
    `context     ${position} of ${contextLength} tokens, ${mebibytes} MiB of ${kvType}`,
  );
  terminal.note(`evaluated   ${count(totals.newTokens, 'new token')}, ${totals.keptTokens} kept`);
  terminal.note(
    `written     ${count(totals.writtenTokens, 'token')} in ${count(totals.turns, 'turn')}`,
  );
  if (talk.lastSummary !== undefined) terminal.note(`last turn   ${talk.lastSummary}`);
  return 'done';
}
