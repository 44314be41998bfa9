// Any bytes as a GGUF file: its header is read, or refused with a BitnetError.
const { readGgufHeader } = require('../../../dist/lib/gguf/reader.js');
const { BitnetError } = require('../../../dist/lib/errors.js');
const { handleOf } = require('./handle.cjs');

module.exports.fuzz = async (data) => {
  try {
    const { tensors } = await readGgufHeader(handleOf(data), 'fuzz.gguf', data.length);
    for (const { offset, bytes } of tensors) {
      if (!(offset >= 0 && bytes >= 0 && offset + bytes <= data.length))
        throw new Error(`${offset}`);
    }
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
  }
};
