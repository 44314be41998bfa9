// A file that is written to while it is open is noticed.
#include "common/file_reader.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "check.h"

using namespace bitnet;

TEST("an open file that is written to is no longer what it was") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() /
      ("bitnet_reader_test_" + std::to_string(std::random_device()()));
  const auto write = [&path](const char* text, int age) {
    std::ofstream(path, std::ios::binary) << text;
    // Far apart: what is written in the same tick of the clock looks alike.
    const auto now = std::filesystem::file_time_type::clock::now();
    std::filesystem::last_write_time(path, now - std::chrono::hours(age));
  };
  write("abcd", 2);
  FileReader file;
  CHECK(file.open(path.string()).ok(), "open");
  uint8_t byte = 0;
  CHECK(file.read(3, 1, &byte).ok() && byte == 'd' && file.unchanged().ok(), "as it was");
  write("abce", 1);
  CHECK(file.unchanged().code == Code::kFile, "same size");
  FileReader other;
  const FileStamp stamp = {4, 0, 1};
  CHECK(other.open(path.string(), &stamp).code == Code::kFile, "not the one that is expected");
  FileReader again;
  CHECK(again.open(path.string()).ok() && again.unchanged().ok(), "opened again");
  write("abcde", 1);
  CHECK(again.unchanged().code == Code::kFile, "other size");
  std::filesystem::remove(path);
}
