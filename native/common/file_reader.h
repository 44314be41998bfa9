// Reads byte ranges of one open file, from any thread; a file that shrinks is an error, never a
// signal.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "byte_source.h"

namespace bitnet {

/** Identifies the state of a file, to notice changes. */
struct FileStamp {
  int64_t size = 0;
  int64_t modified = 0; // nanoseconds since 1970
  int64_t inode = 0;

  bool operator==(const FileStamp& other) const {
    return size == other.size && modified == other.modified && inode == other.inode;
  }
};

class FileReader : public ByteSource {
public:
  FileReader() = default;
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader() override;

  /** Opens `path` (UTF-8); kFile where it is not the file that `expected` is of. */
  Status open(const std::string& path, const FileStamp* expected = nullptr);

  Status read(uint64_t offset, size_t bytes, uint8_t* out) const override;
  Status unchanged() const override;
  /** Bytes of the file when it was opened. */
  uint64_t size() const { return static_cast<uint64_t>(stamp_.size); }

private:
  Status take_stamp(FileStamp* stamp) const;
  Status start(const FileStamp* expected);

  std::string path_;
  FileStamp stamp_; // when it was opened
#if defined(_WIN32)
  void* handle_ = nullptr;
#else
  int fd_ = -1;
#endif
};

} // namespace bitnet
