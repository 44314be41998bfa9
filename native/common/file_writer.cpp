// Sequential writes (write, or WriteFile), retried until everything is on its way to the disk.
#include "file_writer.h"

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
#include <unistd.h>
#endif

namespace bitnet {
namespace {

constexpr size_t kCollect = size_t{1} << 20; // pieces smaller than this are not worth a system call
constexpr size_t kPiece = size_t{1} << 30;   // below every system's limit of one call

Status failed(const std::string& path, const std::string& reason) {
  return Status::error(Code::kFile, "Expected to write the file \"" + path +
                                        "\", but the system answered \"" + reason +
                                        "\"; check the folder and the free space.");
}

} // namespace

Status FileWriter::write(const void* data, size_t count) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  if (collected_.size() + count >= kCollect) {
    Status status = flush();
    if (!status.ok())
      return status;
  }
  if (count >= kCollect)
    return put(bytes, count);
  collected_.insert(collected_.end(), bytes, bytes + count);
  return {};
}

Status FileWriter::flush() {
  Status status = put(collected_.data(), collected_.size());
  collected_.clear();
  return status;
}

#if defined(_WIN32)

FileWriter::~FileWriter() {
  if (handle_)
    CloseHandle(handle_);
}

Status FileWriter::create(const std::string& path) {
  path_ = path;
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0);
  std::wstring wide(static_cast<size_t>(length > 0 ? length : 1), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, &wide[0], length);
  HANDLE handle = CreateFileW(wide.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW,
                              FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE)
    return failed(path, "error " + std::to_string(GetLastError()));
  handle_ = handle;
  return {};
}

Status FileWriter::put(const uint8_t* bytes, size_t count) {
  while (count > 0) {
    DWORD written = 0;
    if (!WriteFile(handle_, bytes, static_cast<DWORD>(std::min(count, kPiece)), &written, nullptr))
      return failed(path_, "error " + std::to_string(GetLastError()));
    bytes += written;
    count -= written;
  }
  return {};
}

Status FileWriter::close() {
  Status status = flush();
  HANDLE handle = handle_;
  handle_ = nullptr;
  if (!CloseHandle(handle) && status.ok())
    return failed(path_, "error " + std::to_string(GetLastError()));
  return status;
}

#else

FileWriter::~FileWriter() {
  if (fd_ >= 0)
    ::close(fd_);
}

Status FileWriter::create(const std::string& path) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return fd_ < 0 ? failed(path, strerror(errno)) : Status();
}

Status FileWriter::put(const uint8_t* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(fd_, bytes, std::min(count, kPiece));
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return failed(path_, strerror(errno));
    }
    bytes += written;
    count -= static_cast<size_t>(written);
  }
  return {};
}

Status FileWriter::close() {
  Status status = flush();
  const int fd = fd_;
  fd_ = -1;
  // Some file systems report a full disk only here.
  if (::close(fd) != 0 && status.ok())
    return failed(path_, strerror(errno));
  return status;
}

#endif

} // namespace bitnet
