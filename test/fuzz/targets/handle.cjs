/** What reads a file, of bytes in memory. */
module.exports.handleOf = (data) => ({
  async read(target, offset, length, position) {
    return { bytesRead: data.copy(target, offset, position, position + length) };
  },
});
