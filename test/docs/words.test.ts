import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { commands } from '../../bin/commands/index.mjs';

// The field's words, in American spelling: what they replaced does not come back. The glossary of
// native/README.md says what they mean.

const root = resolve(__dirname, '../..');

/** Words that are gone, and what stands for them now. */
const gone: readonly [old: RegExp, now: string][] = [
  [/closedGates|closed_gates|\bclosed gates?\b|gate-?sparsity/i, 'inactive neurons'],
  [/\w*UnitKernel|UnitProduct|kUnits(?:Avx|Neon|Scalar)|\bhidden units?\b/, 'neuron'],
  [/\blive units?\b|LiveUnits|find_live/i, 'active neurons'],
  [/\bpays_from\b|paysFrom\b/, 'break-even'],
  [/\bzeros spare\b|skips?Zeros|skip-zeros|zero_layers/, 'skipInactive'],
  [
    /screen-?head|Screen(?:Kernel|edVector)|screen_from|screenFrom|\bscreened head\b/i,
    'head prefilter',
  ],
  [/\bint8 shadow\b|build_shadow|shadow_bytes|shadow\.(?:h|cpp)/i, 'int8 copy of the head'],
  [/\blocal layers?\b|is_local\b|localLayers\b/, 'sliding-window attention'],
  [/GgufPart\b|maxSplitParts|scale_?part\b/i, 'shard'],
  [/(?<!tin |' )\b[Rr]oofs?\b|kRoof|roof_/, 'peak'],
  [/\bPass& |run_pass\b|try_pass\b|shared_pass|"pass\.h"/, 'step'],
  [
    /\bForm::|\bform_for\b|Request::Want\b|also_?logits\b|also_count\b/i,
    'activation type, outputs, extra ids',
  ],
  [/\bsettlement\b/i, 'deferred'],
  [/\b(?:quanti|normali|tokeni|penali|synthesi)se[drs]?\b/i, '-ize'],
  [/neighbour|colour|behaviour|modell(?:ed|ing)\b|\blicence\b|\bmisspelt\b/i, 'American spelling'],
];

/** Texts that may hold them: words of models and of other programs. */
const kept =
  /^(?:test\/docs\/words\.test\.ts|test\/golden\/.*|test\/jinja\/constructs\.json|lib\/model\/tuning\/passage\.ts|lib\/checks\/option-hints\.ts|models\/.*)$/;

const folders = ['native', 'lib', 'bin', 'bench', 'test', 'scripts', 'docs', 'models'];
const files = [
  ...['README.md', 'CONTRIBUTING.md', 'CMakeLists.txt', 'package.json'],
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isFile() && /\.(?:h|cpp|m?[tj]s|mts|md|json|cmake|txt)$/.test(entry.name),
      )
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/')),
  ),
].filter((name) => !kept.test(name));

function linesOf(name: string): string[] {
  return readFileSync(join(root, name), 'utf8').split('\n');
}

describe('old words are gone', () => {
  test.each(gone)('%s, now %s', (old) => {
    const found = files.flatMap((name) =>
      old.test(name)
        ? [name]
        : linesOf(name).flatMap((line, i) =>
            old.test(line) ? [`${name}:${i + 1}: ${line.trim()}`] : [],
          ),
    );
    expect(found).toEqual([]);
  });

  it('from --help, too', async () => {
    const help = (await commands()).map((command) => command.helpInformation()).join('\n');
    for (const [old] of gone) expect(help).not.toMatch(old);
  });
});

const pages = files.filter((name) => name.endsWith('.md'));

test.each([...pages, 'CHANGELOG.md'])('the lines of %s are under 130 characters', (name) => {
  let block = false;
  const long = linesOf(name).filter((line) => {
    if (line.startsWith('```')) block = !block;
    return !block && line.length >= 130;
  });
  expect(long).toEqual([]);
});
