import { received } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';
import { TextCursor } from '../text-cursor.js';

/** A place in the text of a grammar. */
export class Cursor extends TextCursor {
  /** Skips blanks and comments, and line ends if there may be some. */
  skipSpace(lineEnds: boolean): void {
    this.match(lineEnds ? /(?:[ \t\r\n]|#[^\r\n]*)*/y : /(?:[ \t]|#[^\r\n]*)*/y);
  }

  fail(expected: string, found?: string): BitnetError {
    return this.failAt(this.place, expected, found);
  }

  failAt(place: number, expected: string, found?: string): BitnetError {
    const before = this.text.slice(0, place).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    const rest = /^[^\r\n]{0,20}/.exec(this.text.slice(place, place + 20))![0];
    const nothing = place >= this.text.length ? 'its end' : 'the end of the line';
    const what = found ?? (rest === '' ? nothing : received(rest));
    return new BitnetError(
      'ERR_BITNET_GRAMMAR',
      `Expected ${expected} in line ${line}, column ${column} of the grammar, but found ${what}.`,
      { line, column },
    );
  }
}
