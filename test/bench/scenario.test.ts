import { expect, it } from 'vitest';
import { benchScenario, type ScenarioReport } from '../../bench/scenario/scenarios.js';
import { scenarioLines } from '../../bin/commands/bench-scenario.mjs';
import { rejection } from '../api/tiny.js';
import { bitnet } from '../cli/bitnet.js';

it('a prompt beside a stream: both are measured alone and together, round by round', async () => {
  const steps: string[] = [];
  const report = await benchScenario({
    ...{ scenario: 'prompt-beside-stream', prompt: 100, repetitions: 2, threads: 1 },
    onProgress: (step) => steps.push(step),
  });
  expect(steps).toEqual(['loading', 'warm-up', 'round 1 of 2', 'round 2 of 2']);
  expect(report.figures.map(({ name }) => name)).toEqual([
    'gap between tokens, p95',
    'time of the prompt',
  ]);
  for (const { alone, beside, ratio } of report.figures) {
    expect(alone.median).toBeGreaterThan(0);
    expect(beside.median).toBeGreaterThan(0);
    expect(ratio.median).toBeGreaterThan(0);
  }
  expect(scenarioLines(report).join('\n')).toMatch(
    /stories-ternary.gguf on 1 thread: a prompt of 100 tokens beside a text that is being generated, 2 rounds\n\nmedian +alone +beside +beside \/ alone\ngap between tokens, p95 .* ms .* ± .*\ntime of the prompt .* ms /,
  );
});

it('a prompt that begins like another: its first token beside that of its own tokens alone', async () => {
  const report = await benchScenario({
    ...{ scenario: 'shared-prefix', prompt: 100, repetitions: 1, threads: 1 },
  });
  expect(report.figures.map(({ name }) => name)).toEqual(['first token']);
  expect(report.figures[0]!.ratio.median).toBeGreaterThan(0);
});

it('what is no scenario, and an abort, are errors', async () => {
  expect(
    await rejection(benchScenario({ scenario: 'no' as 'prompt-beside-stream' })),
  ).toMatchObject({
    code: 'ERR_BITNET_ARGUMENT',
    message:
      'Expected one of prompt-beside-stream, shared-prefix for option scenario, but received "no".',
  });
  const controller = new AbortController();
  const measuring = benchScenario({
    ...{ scenario: 'prompt-beside-stream', prompt: 20, signal: controller.signal },
    onProgress: (step) => step.startsWith('round') && controller.abort('enough'),
  });
  expect(await rejection(measuring)).toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
});

it('bitnet bench --scenario prints it, and takes what belongs to it', async () => {
  const args = ['bench', '--scenario', 'prompt-beside-stream', '-p', '50', '-r', '1', '-t', '1'];
  const report = JSON.parse((await bitnet([...args, '--json'])).stdout) as ScenarioReport;
  expect(report).toMatchObject({ scenario: 'prompt-beside-stream', threads: 1, repetitions: 1 });
  const { code, stderr } = await bitnet([...args, '--pg', '1,2']);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Expected --scenario without --pg.'),
  });
});
