import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { environment } from '../../bin/environment.mjs';
import { manPage } from '../../bin/man-page.mjs';
import { bitnetProgram } from '../../bin/program.mjs';

const root = resolve(__dirname, '../..');
const { man, version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

describe('the manual page', () => {
  test('that npm installs is the current one', async () => {
    expect(readFileSync(resolve(root, man[0]), 'utf8')).toBe(await manPage(version));
  });

  test('has every command, option and variable that --help has', async () => {
    const page = (await manPage(version)).replaceAll('\\-', '-');
    const program = await bitnetProgram();
    const help = program.createHelp();
    for (const command of help.visibleCommands(program)) {
      if (command.name() === 'help') continue;
      const [, section] = page.split(`\n.SS bitnet ${command.name()}`);
      for (const { short, long } of help.visibleOptions(command)) {
        for (const flag of [short, long]) if (flag) expect(section).toContain(flag);
      }
    }
    for (const [name] of environment) expect(page).toContain(`.B ${name}\n`);
    expect(page).toContain('bitnet run model.gguf -p "Summarize:" < report.txt');
  });

  const hasMandoc = spawnSync('mandoc', ['-h']).error === undefined;
  test.runIf(hasMandoc)('has no faults that mandoc finds', async () => {
    const input = await manPage(version);
    const { stdout } = spawnSync('mandoc', ['-Tlint', '-W', 'error'], { input });
    expect(String(stdout)).toBe('');
  });
});
