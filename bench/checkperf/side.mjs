// One checkout's library in a process of its own: loads a model once, then times what models.mjs asks for. Of the library it uses
// what is public, so that it can time older revisions.
import { createRequire } from 'node:module';

const contextLength = 512;

/** The least vocabulary of the shapes, in thousands. */
const vocabulary = 32_000;

let session;

process.on('SIGINT', () => {}); // Ctrl-C reaches all of the terminal's processes; the parent decides
process.on('disconnect', () => process.exit());
process.on('message', async (request) => {
  try {
    process.send(await answer(request));
  } catch (error) {
    process.send({ error: error.message });
  }
});

async function answer({ ask, ...request }) {
  if (ask === 'load') return load(request);
  return ask === 'prefill' ? prefill(request) : decode(request);
}

async function load({ root, path, kernel, threads }) {
  const { loadModel } = createRequire(import.meta.url)(root);
  const model = await loadModel(path, { kernel, threads });
  session = model.createSession({ contextLength });
  return { kernel: model.kernel };
}

/** `count` prompts of `tokens` tokens, without the output head. */
async function prefill({ tokens, count }) {
  let milliseconds = 0;
  for (let i = 0; i < count; i++) {
    session.reset();
    const ids = Array.from({ length: tokens }, (_, at) => ((i * tokens + at) * 7919) % vocabulary);
    const begin = performance.now();
    await session.evaluate(ids, { logits: 'none' });
    milliseconds += performance.now() - begin;
  }
  return { tokens: tokens * count, milliseconds };
}

/** Text as a user gets it; random tokens, because the likeliest ones repeat themselves. */
async function decode({ tokens, seed }) {
  session.reset();
  await session.evaluate([1], { logits: 'none' });
  const begin = performance.now();
  const { ids } = await session.complete([seed + 2], { maxTokens: tokens, temperature: 1, seed });
  return { tokens: ids.length, milliseconds: performance.now() - begin, ids };
}
