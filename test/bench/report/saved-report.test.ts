import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { readSavedReport } from '../../../bench/report/saved-report.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { promptOf, reportOf, resultOf } from '../html/report.js';

const file = tempFolder();
const report = reportOf([resultOf(), promptOf()]);

async function read(changed: object) {
  await writeFile(file('report.json'), JSON.stringify(changed));
  return readSavedReport(file('report.json'));
}

describe('a saved report', () => {
  test('is read as it was written, also without results', async () => {
    expect(await read(report)).toEqual(report);
    expect(await read(reportOf([]))).toEqual(reportOf([]));
  });

  const [result] = report.results;
  test.each([
    ['date', { ...report, date: undefined }],
    ['machine.isa[1]', { ...report, machine: { ...report.machine, isa: ['avx', 2] } }],
    ['machine.readBandwidth[0].threads', change('machine', { readBandwidth: [{}] })],
    ['build', { ...report, build: null }],
    ['results[1].memory.kv', withResult({ memory: { ...result!.memory, kv: null } })],
    ['results[1].shape.nLayer', withResult({ shape: { ...result!.shape, nLayer: '30' } })],
    ['results[1].gbPerSecond', withResult({ gbPerSecond: 1e19 })],
    ['results[1].noisy', withResult({ noisy: 'no' })],
    ['results[1].samples', withResult({ samples: [1, null] }), '[1]'],
    ['results[1].samples', withResult({ samples: [] })],
    ['results[1].tokensPerSecond.median', withRate({ median: 0 })],
    ['results[1].tokensPerSecond.mean', withRate({ mean: -1 })],
    ['machine.readBandwidth[0]', change('machine', { readBandwidth: [null] })],
    ['results', { ...report, results: undefined }],
  ])('without a proper %s is refused', async (path, changed, rest = '') => {
    await expect(read(changed)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining(`"${path}${rest}" in it is missing or of another kind`),
    });
  });

  test.each([
    ['no JSON', '{"results": ['],
    ['a list', '[1, 2]'],
    ['null', 'null'],
    ['a text', '"report"'],
    ['other JSON', '{"results": [{"test": "x"}], "machine": {"cpu": ""}}'],
  ])('is not %s', async (_, text) => {
    await writeFile(file('report.json'), text);
    await expect(readSavedReport(file('report.json'))).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringMatching(
        /^Expected a report of "bitnet bench -o json" in ".*report.json", but .*; measure again/,
      ),
    });
  });

  test('is missed where there is none', async () => {
    for (const [name, found] of [
      ['nothere.json', 'there is none; check the path'],
      ['', 'it is a folder; give a file in it'],
    ] as const) {
      const message = `Expected a report of "bitnet bench -o json" in "${file(name)}", but ${found}.`;
      await expect(readSavedReport(file(name))).rejects.toMatchObject({
        ...{ code: 'ERR_BITNET_FILE', message },
      });
    }
  });

  function withRate(fields: object): object {
    return withResult({ tokensPerSecond: { ...result!.tokensPerSecond, ...fields } });
  }

  function change(name: 'machine', fields: object): object {
    return { ...report, [name]: { ...report[name], ...fields } };
  }

  function withResult(fields: object): object {
    return { ...report, results: [result, { ...result, ...fields }] };
  }
});
