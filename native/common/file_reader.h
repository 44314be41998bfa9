// Reads byte ranges of one open file, from any thread; a file that shrinks is an error, never a
// signal.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "byte_source.h"

namespace bitnet {

class FileReader : public ByteSource {
public:
  FileReader() = default;
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader() override;

  /** Opens `path` (UTF-8). */
  Status open(const std::string& path);

  Status read(uint64_t offset, size_t bytes, uint8_t* out) const override;

private:
  std::string path_;
#if defined(_WIN32)
  void* handle_ = nullptr;
#else
  int fd_ = -1;
#endif
};

} // namespace bitnet
