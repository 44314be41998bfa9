import { describe, expect, it } from 'vitest';
import { parseEvalItems } from '../../lib/index.js';

const items = (line: object, labels?: string) => parseEvalItems(JSON.stringify(line), labels);

describe('A line of a published test set', () => {
  it('of HellaSwag asks for the end of what it tells, as lm-evaluation-harness does', () => {
    const line = {
      ind: 24,
      activity_label: 'Cleaning windows',
      ctx_a: 'A man stands on a ladder.',
      ctx_b: 'he',
      ctx: 'A man stands on a ladder. he',
      endings: ['is ripping  level tiles off.', '[header] How [title] Go [step] Now [x'],
      label: 1,
      source_id: 'activitynet~v_-JhWjGDPHMY',
    };
    expect(items(line)).toEqual([
      {
        question: 'Cleaning windows: A man stands on a ladder. He',
        choices: ['is ripping level tiles off.', ' How. Go Now [x'],
        label: 1,
      },
    ]);
    expect(items({ ctx: 'He', endings: ['a', 'b'], label: '0' })).toEqual([
      { question: 'He', choices: ['a', 'b'], label: 0 },
    ]);
  });

  it('of ARC asks a question with an answer, in both of its forms', () => {
    const item = { question: 'Question: Why?\nAnswer:', choices: ['so', 'no', 'yes'], label: 2 };
    const choices = item.choices.map((text, i) => ({ text, label: 'ABC'[i] }));
    expect(items({ question: { stem: 'Why?', choices }, answerKey: 'C' })).toEqual([item]);
    const columns = { text: item.choices, label: ['1', '2', '3'] };
    expect(items({ question: 'Why?', choices: columns, answerKey: '3' })).toEqual([item]);
    expect(() => items({ question: 'Why?', choices: columns, answerKey: 'C' })).toThrow('label');
  });

  it('of PIQA may have its label in another file', () => {
    const line = { goal: 'When?', sol1: 'now', sol2: 'then' };
    const item = { question: 'Question: When?\nAnswer:', choices: ['now', 'then'], label: 1 };
    expect(items({ ...line, label: 1 })).toEqual([item]);
    expect(items(line, '1\n0\n')).toEqual([item]);
    expect(() => items(line)).toThrow('as label on line 1');
    expect(() => items(line, '2')).toThrow('as label on line 1, but it has 2;');
  });

  it('of WinoGrande fills its blank', () => {
    const line = { sentence: 'So _ did.', option1: 'Ann', option2: 'Bea', answer: '2' };
    const item = { question: 'So _ did.', choices: ['Ann', 'Bea'], label: 1, blank: true };
    expect(items(line)).toEqual([item]);
    expect(() => items({ ...line, answer: '' })).toThrow('as label on line 1');
  });

  it('of BLiMP compares two sentences, of which the first is right', () => {
    const line = { sentence_good: 'She does.', sentence_bad: 'She do.', UID: 'x', pairID: '0' };
    expect(items(line)).toEqual([{ question: '', choices: ['She does.', 'She do.'], label: 0 }]);
  });

  it.each([
    { endings: ['a', 3], ctx: 'b', label: 0 },
    { endings: 'ab', ctx: 'b', label: 0 },
    { endings: ['a', 'b'], ctx: 5, label: 0 },
    { question: 'a', choices: [null, 'b'], answerKey: 'A' },
    { question: 'a', choices: { text: 'ab', label: ['A'] }, answerKey: 'A' },
    { question: null, answerKey: 'A' },
    { goal: 1, sol1: 'a', sol2: 'b', label: 0 },
    { goal: 'a', sol1: 'a', label: 0 },
    { sentence: 'a _', option1: 'a', answer: '1' },
    { sentence_good: 'a' },
  ])('is refused where a part is wrong: %j', (line) => {
    expect(() => items(line)).toThrow(
      expect.objectContaining({ code: 'ERR_BITNET_FILE', line: 1 }),
    );
  });

  it('counts as an item here if it is one, whatever else it says', () => {
    const item = { question: 'a', choices: ['b', 'c'], label: 1 };
    expect(items({ ...item, answerKey: 'A', goal: 'g', endings: [] })).toEqual([item]);
    expect(items({ text: 'one two', endings: ['a', 'b'] })).toEqual([{ text: 'one two' }]);
  });

  it('takes no longer for a bracket that is never closed', () => {
    const [item] = items({ ctx: '['.repeat(200_000), endings: ['a', 'b'], label: 0 });
    expect(item).toMatchObject({ label: 0 });
  });
});
