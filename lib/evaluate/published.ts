/** Fields of a line of JSON. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * A line of a published test set as an item here, not checked yet; itself where it has no such form.
 * What is asked and how is that of lm-evaluation-harness, with which papers score these sets.
 */
export function fromPublished(line: Fields): Fields {
  if (isItem(line)) return line;
  if ('endings' in line) return hellaSwag(line);
  if ('answerKey' in line) return arc(line);
  if ('goal' in line) return piqa(line);
  if ('option1' in line) return winoGrande(line);
  if ('sentence_good' in line) return blimp(line);
  return line;
}

/** Whether a line has the form of an item here, whatever else it says. */
function isItem({ question, choices, text }: Fields): boolean {
  if (isText(text)) return choices === undefined;
  return isText(question) && Array.isArray(choices) && choices.every(isText);
}

/** A name of an activity, the beginning of a text about it, and ends of its last sentence. */
function hellaSwag({ activity_label, ctx, ctx_a, ctx_b, endings, label }: Fields): Fields {
  const begin = isText(ctx_a) ? `${ctx_a} ${isText(ctx_b) ? capitalized(ctx_b) : ''}` : ctx;
  const about = isText(activity_label) ? `${activity_label}: ` : '';
  return {
    question: isText(begin) ? plain(`${about}${begin}`) : begin,
    choices: Array.isArray(endings)
      ? endings.map((end) => (isText(end) ? plain(end) : end))
      : endings,
    label: integer(label),
  };
}

/** Without what is left of a web page: its titles and remarks in brackets. */
function plain(text: string): string {
  const titled = text.trim().replaceAll(' [title]', '. ');
  return titled.split('\n').map(withoutBrackets).join('\n').replaceAll('  ', ' ');
}

/** An expression would look for the end of each bracket that has none again and again. */
function withoutBrackets(line: string): string {
  let [kept, end] = ['', 0];
  for (;;) {
    const begin = line.indexOf('[', end);
    const close = begin < 0 ? -1 : line.indexOf(']', begin);
    if (close < 0) return kept + line.slice(end);
    kept += line.slice(end, begin);
    end = close + 1;
  }
}

/** As Python does it: the other letters become small. */
function capitalized(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Choices with labels such as A or 1, in either of the two forms in which the set is published. */
function arc({ question, choices, answerKey }: Fields): Fields {
  const { stem, choices: inside } = isObject(question) ? question : { stem: question, choices };
  const { texts, labels } = labeled(inside);
  return {
    question: asked(stem),
    choices: texts,
    label: labels?.indexOf(answerKey) ?? -1,
  };
}

function labeled(choices: unknown): { texts: unknown; labels?: readonly unknown[] } {
  if (Array.isArray(choices)) {
    const each = choices.map((choice) => (isObject(choice) ? choice : {}));
    return { texts: each.map(({ text }) => text), labels: each.map(({ label }) => label) };
  }
  if (!isObject(choices) || !Array.isArray(choices.label)) return { texts: choices };
  return { texts: choices.text, labels: choices.label };
}

function piqa({ goal, sol1, sol2, label }: Fields): Fields {
  return { question: asked(goal), choices: [sol1, sol2], label: integer(label) };
}

/** The answer counts from 1. */
function winoGrande({ sentence, option1, option2, answer }: Fields): Fields {
  const label = Number(integer(answer)) - 1;
  return { question: sentence, choices: [option1, option2], label, blank: true };
}

/** Two sentences of which the first is right. */
function blimp({ sentence_good, sentence_bad }: Fields): Fields {
  return { question: '', choices: [sentence_good, sentence_bad], label: 0 };
}

function asked(question: unknown): unknown {
  return isText(question) ? `Question: ${question}\nAnswer:` : question;
}

/** Some editions have labels as text. */
function integer(label: unknown): unknown {
  return isText(label) && /^\d{1,4}$/.test(label) ? Number(label) : label;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
