import { basename } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { bytes } from '../lib/byte-size.js';
import type { AdapterUse, Model } from '../lib/index.js';
import type { Terminal } from './terminal.mjs';

/** An adapter as the command line names it. */
export interface AdapterArgument {
  readonly path: string;
  readonly scale: number;
}

const mostScale = 1000;

/** `--adapter`; may be given several times. */
export function adapterOption(about = 'LoRA adapter, or file=scale; repeatable'): Option {
  return new Option('--adapter <file>', about).argParser(parseAdapter);
}

function parseAdapter(text: string, previous: readonly AdapterArgument[] = []): AdapterArgument[] {
  const [, file, number] = /^(.+)=([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)$/is.exec(text) ?? [];
  const scale = Number(number ?? 1);
  if (text !== '' && Math.abs(scale) <= mostScale)
    return [...previous, { path: file ?? text, scale }];
  throw new InvalidArgumentError(
    `Expected a file, or file=scale with a scale from -${mostScale} to ${mostScale}.`,
  );
}

/** Loads the adapters that a command was given. */
export async function loadAdapters(
  model: Model,
  adapters: readonly AdapterArgument[] = [],
  signal: AbortSignal,
): Promise<AdapterUse[]> {
  const uses: AdapterUse[] = [];
  for (const { path, scale } of adapters) {
    uses.push({ adapter: await model.loadAdapter(path, { signal }), scale });
  }
  return uses;
}

/** With `--verbose`: what is added to the model. */
export function describeAdapters(uses: readonly AdapterUse[], terminal: Terminal): void {
  for (const { adapter, scale } of uses) {
    const { path, rank, decisions } = adapter;
    const size = `rank ${rank}, ${bytes(adapter.bytes)}`;
    terminal.detail('adapter', `${basename(path)}, ${size}, scale ${scale}`);
    for (const { subject, choice, reason } of decisions) {
      terminal.detail('decision', `${subject}: ${choice}, because ${reason}`);
    }
  }
}
