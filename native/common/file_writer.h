// Writes a new file from its beginning to its end, and says so when the disk is full.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "status.h"

namespace bitnet {

class FileWriter {
public:
  FileWriter() = default;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();

  /** Creates the file `path` (UTF-8), which must not exist, readable by this user only. */
  Status create(const std::string& path);
  /** Appends bytes; small pieces are collected. */
  Status write(const void* bytes, size_t count);
  /** Writes what is collected and closes the file: only now is it complete. */
  Status close();

private:
  Status flush();
  Status put(const uint8_t* bytes, size_t count);

  std::string path_;
  std::vector<uint8_t> collected_;
#if defined(_WIN32)
  void* handle_ = nullptr;
#else
  int fd_ = -1;
#endif
};

} // namespace bitnet
