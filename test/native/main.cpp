// Runs the native tests; an optional argument keeps only the titles that contain it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

namespace check {

static int failures = 0; // of the running test

std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

bool quick() {
  static const bool set = getenv("BITNET_TEST_QUICK") != nullptr;
  return set;
}

bool repeated() {
  static const bool set = getenv("BITNET_TEST_FEW") != nullptr;
  return set;
}

std::vector<size_t> values(std::vector<size_t> all, std::vector<size_t> few) {
#ifdef __SANITIZE_THREAD__
  const bool small = true;
#else
  const bool small = repeated();
#endif
  return small ? few : all;
}

void fail(const char* file, int line, const std::string& what) {
  if (++failures <= 10)
    printf("  %s:%d: %s\n", file, line, what.c_str());
}

void fail(const char* file, int line, const char* condition, const std::string& context) {
  const std::string named = context.empty() ? "" : " (" + context + ")";
  fail(file, line, condition + named);
}

void fail(const char* file, int line, const char* text, const std::string& actual,
          const std::string& expected, const std::string& context) {
  const std::string what = std::string(text) + ": got " + actual + ", expected " + expected;
  fail(file, line, what.c_str(), context);
}

} // namespace check

// Arguments are parts of titles: of those to run (all when there is none), or after a dash of those
// to leave out.
static bool chosen(const char* title, int argc, char** argv) {
  bool any = false, named = false;
  for (int i = 1; i < argc; ++i) {
    const bool out = argv[i][0] == '-';
    const bool match = strstr(title, argv[i] + out) != nullptr;
    if (out && match)
      return false;
    any |= !out;
    named |= !out && match;
  }
  return named || !any;
}

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const check::Test& test : check::tests()) {
    if (!chosen(test.title, argc, argv))
      continue;
    check::failures = 0;
    test.run();
    if (check::failures == 0) {
      passed++;
    } else {
      failed++;
      printf("FAILED: %s (%d failures)\n", test.title, check::failures);
    }
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
