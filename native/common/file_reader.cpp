// Positional reads (pread, or ReadFile with an offset), retried until the range is complete.
#include "file_reader.h"

#include <algorithm>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#if !defined(NOMINMAX) // which MinGW has
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace bitnet {
namespace {

// One system call moves at most this much: below every system's limit, large enough not to matter.
constexpr size_t kPiece = size_t{1} << 30;

Status short_read(const std::string& path, uint64_t offset, size_t wanted) {
  return Status::error(Code::kFile, "Expected " + std::to_string(wanted) +
                                        " more bytes at offset " + std::to_string(offset) +
                                        " of \"" + path +
                                        "\", but the file ends before: it was cut short or is "
                                        "still being written; get it again.");
}

Status failed(const std::string& what, const std::string& path, const std::string& reason) {
  return Status::error(Code::kFile, "Could not " + what + " \"" + path + "\": " + reason + ".");
}

Status changed(const std::string& path) {
  return Status::error(Code::kFile, "Expected the model file \"" + path +
                                        "\" to stay as it was when it was loaded, but it has "
                                        "changed; load the model again.");
}

} // namespace

Status FileReader::start(const FileStamp* expected) {
  Status status = take_stamp(&stamp_);
  return status.ok() && expected && !(stamp_ == *expected) ? changed(path_) : status;
}

Status FileReader::unchanged() const {
  FileStamp now;
  Status status = take_stamp(&now);
  return status.ok() && !(now == stamp_) ? changed(path_) : status;
}

#if defined(_WIN32)

FileReader::~FileReader() {
  if (handle_)
    CloseHandle(handle_);
}

Status FileReader::open(const std::string& path, const FileStamp* expected) {
  path_ = path;
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0);
  std::wstring wide(static_cast<size_t>(length > 0 ? length : 1), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, &wide[0], length);
  HANDLE handle = CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE,
                              nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE)
    return failed("open", path, "error " + std::to_string(GetLastError()));
  handle_ = handle;
  return start(expected);
}

Status FileReader::take_stamp(FileStamp* stamp) const {
  constexpr int64_t kUnixEpoch = 116444736000000000; // in units of 100 ns since 1601
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(handle_, &info))
    return failed("read", path_, "error " + std::to_string(GetLastError()));
  const auto joined = [](DWORD high, DWORD low) {
    return static_cast<int64_t>(uint64_t{high} << 32 | low);
  };
  const FILETIME& written = info.ftLastWriteTime;
  stamp->size = joined(info.nFileSizeHigh, info.nFileSizeLow);
  stamp->modified = (joined(written.dwHighDateTime, written.dwLowDateTime) - kUnixEpoch) * 100;
  stamp->inode = joined(info.nFileIndexHigh, info.nFileIndexLow);
  return {};
}

Status FileReader::read(uint64_t offset, size_t bytes, uint8_t* out) const {
  while (bytes > 0) {
    OVERLAPPED at = {};
    at.Offset = static_cast<DWORD>(offset);
    at.OffsetHigh = static_cast<DWORD>(offset >> 32);
    DWORD got = 0;
    if (!ReadFile(handle_, out, static_cast<DWORD>(std::min(bytes, kPiece)), &got, &at) &&
        GetLastError() != ERROR_HANDLE_EOF)
      return failed("read", path_, "error " + std::to_string(GetLastError()));
    if (got == 0)
      return short_read(path_, offset, bytes);
    offset += got;
    out += got;
    bytes -= got;
  }
  return {};
}

#else

FileReader::~FileReader() {
  if (fd_ >= 0)
    close(fd_);
}

Status FileReader::open(const std::string& path, const FileStamp* expected) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0)
    return failed("open", path, strerror(errno));
  return start(expected);
}

Status FileReader::take_stamp(FileStamp* stamp) const {
  struct stat info;
  if (fstat(fd_, &info) != 0)
    return failed("read", path_, strerror(errno));
#if defined(__APPLE__)
  const timespec& modified = info.st_mtimespec;
#else
  const timespec& modified = info.st_mtim;
#endif
  stamp->size = static_cast<int64_t>(info.st_size);
  stamp->modified = int64_t{modified.tv_sec} * 1000000000 + modified.tv_nsec;
  stamp->inode = static_cast<int64_t>(info.st_ino);
  return {};
}

Status FileReader::read(uint64_t offset, size_t bytes, uint8_t* out) const {
  while (bytes > 0) {
    const ssize_t got = pread(fd_, out, std::min(bytes, kPiece), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR)
        continue;
      return failed("read", path_, strerror(errno));
    }
    if (got == 0)
      return short_read(path_, offset, bytes);
    offset += static_cast<uint64_t>(got);
    out += got;
    bytes -= static_cast<size_t>(got);
  }
  return {};
}

#endif

} // namespace bitnet
