/** A command of a console block, and the lines that stand below it. */
export interface Command {
  readonly text: string;
  /** Without empty lines at its end. */
  readonly output: readonly string[];
}

export interface ConsoleBlock {
  readonly commands: readonly Command[];
}

/** The ```console blocks of a page; comments behind commands are left out. */
export function consoleBlocks(page: string): ConsoleBlock[] {
  return [...page.matchAll(/^```console\n(.*?)^```/gms)].map(([, block]) => ({
    commands: commandsOf(block!.split('\n')),
  }));
}

function commandsOf(lines: readonly string[]): Command[] {
  const commands: { text: string; output: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith('$ ')) {
      commands.push({ text: line.slice(2).replace(/ {2,}# .*$/, ''), output: [] });
    } else commands.at(-1)?.output.push(line);
  }
  for (const { output } of commands) while (output.at(-1) === '') output.pop();
  return commands;
}
