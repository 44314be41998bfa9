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

void fail(const char* file, int line, const std::string& what) {
  if (++failures <= 10)
    printf("  %s:%d: %s\n", file, line, what.c_str());
}

} // namespace check

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const check::Test& test : check::tests()) {
    if (argc > 1 && strstr(test.title, argv[1]) == nullptr)
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
