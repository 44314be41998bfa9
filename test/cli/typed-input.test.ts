import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { TypedInput } from '../../bin/typed-input.mjs';

/** What is typed and what is pasted, when the bytes come in these pieces. */
async function parted(
  ...pieces: (string | Buffer)[]
): Promise<{ typed: string; pasted: string[] }> {
  const source = Object.assign(new PassThrough(), { setRawMode: () => source });
  const pasted: string[] = [];
  const input = new TypedInput(source as never, (text) => pasted.push(text));
  const typed: Buffer[] = [];
  input.on('data', (chunk) => typed.push(chunk));
  for (const piece of pieces) {
    source.write(piece);
    await new Promise(setImmediate);
  }
  source.end();
  await new Promise((resolve) => input.once('end', resolve));
  return { typed: Buffer.concat(typed).toString(), pasted };
}

test('what stands between the marks of a paste comes whole', async () => {
  expect(await parted('a\x1b[200~one\rtwo\t\x03\x1b[201~b\r')).toEqual({
    typed: 'ab\r',
    pasted: ['one\rtwo\t\x03'],
  });
});

test('a paste may come in any pieces', async () => {
  const bytes = Buffer.from('é\x1b[A\x1b[200~日\r語\x1b[201~x\x1b[200~\x1b[201~y');
  const whole = { typed: 'é\x1b[Axy', pasted: ['日\r語', ''] };
  for (let at = 1; at < bytes.length; at++) {
    // A lone Escape is a key: a mark that is cut behind it is not seen.
    if (bytes[at - 1] === 0x1b) continue;
    expect(await parted(bytes.subarray(0, at), bytes.subarray(at))).toEqual(whole);
  }
});

test('an Escape is not waited for', async () => {
  const source = Object.assign(new PassThrough(), { setRawMode: () => source });
  const input = new TypedInput(source as never, () => {});
  const key = new Promise((resolve) => input.once('data', resolve));
  source.write('\x1b');
  expect(String(await key)).toBe('\x1b');
});
