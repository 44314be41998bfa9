// Any bytes as the file of a vocabulary: it makes a tokenizer that gives ids of its own and text of them again, or is refused
// with a BitnetError. The file's last bytes are a text too.
const { readGgufHeader } = require('../../../dist/lib/gguf/reader.js');
const { createTokenizer } = require('../../../dist/lib/tokenizer/index.js');
const { BitnetError } = require('../../../dist/lib/errors.js');
const { handleOf } = require('./handle.cjs');

module.exports.fuzz = async (data) => {
  let tokenizer;
  try {
    const file = await readGgufHeader(handleOf(data), 'fuzz.gguf', data.length);
    tokenizer = await createTokenizer(file);
  } catch (error) {
    if (error instanceof BitnetError) return;
    throw error;
  }
  const options = { addSpecial: true, parseSpecial: true };
  for (const text of ['abc aab<s>  é<|eot_id|>', data.subarray(-64).toString()]) {
    const ids = [...tokenizer.encode(text, options), ...tokenizer.endOfGeneration];
    for (const id of ids) {
      if (!(id >= 0 && id < tokenizer.vocabSize)) throw new Error(`the id ${id}`);
    }
    tokenizer.decode(ids, { special: true });
  }
};
