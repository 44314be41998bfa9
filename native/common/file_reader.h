// Reads byte ranges of one open file, from any thread; a file that shrinks is an error, never a
// signal.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "status.h"

namespace bitnet {

class FileReader {
public:
  FileReader() = default;
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader();

  /** Opens `path` (UTF-8). */
  Status open(const std::string& path);

  /** Reads exactly `bytes` bytes at `offset` into `out`, or says what was missing. */
  Status read(uint64_t offset, size_t bytes, uint8_t* out) const;

private:
  std::string path_;
#if defined(_WIN32)
  void* handle_ = nullptr;
#else
  int fd_ = -1;
#endif
};

} // namespace bitnet
