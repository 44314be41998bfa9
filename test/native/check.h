// The whole test harness: TEST registers a case, CHECK and CHECK_EQ record a failure with the
// values and go on.
#pragma once
#include <stddef.h>

#include <sstream>
#include <string>
#include <vector>

namespace check {

struct Test {
  const char* title; // a sentence
  void (*run)();
};

std::vector<Test>& tests();

/**
 * True when the environment has BITNET_TEST_QUICK, as under an emulator or a sanitizer: tests of
 * many combinations then run some of them, of every kind.
 */
bool quick();

/**
 * True when the environment has BITNET_TEST_FEW: an emulated CPU whose kernels another one runs as
 * well, or the short form of AddressSanitizer. There a test of the engine need only show that it works
 * with those chosen there.
 */
bool repeated();

/**
 * The values a test of kernels goes through: few, one for each way through the code, where
 * repeated() is true, and under ThreadSanitizer, which makes kernels fifty times slower.
 */
std::vector<size_t> values(std::vector<size_t> all, std::vector<size_t> few);

/** Notes a failure of the running test; the first few per test are printed. */
void fail(const char* file, int line, const std::string& what);
void fail(const char* file, int line, const char* condition, const std::string& context);
void fail(const char* file, int line, const char* text, const std::string& actual,
          const std::string& expected, const std::string& context);

template <class T> std::string printed(const T& value) {
  std::ostringstream out;
  out.precision(9);
  out << value;
  return out.str();
}

struct Registrar {
  Registrar(const char* title, void (*run)()) { tests().push_back({title, run}); }
};

} // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
#define TEST(title)                                                                                \
  static void CHECK_JOIN(test_, __LINE__)();                                                       \
  static const check::Registrar CHECK_JOIN(registrar_, __LINE__)(title,                            \
                                                                 CHECK_JOIN(test_, __LINE__));     \
  static void CHECK_JOIN(test_, __LINE__)()
/** CHECK(condition, context): context is a string that names the case, made only where it fails. */
#define CHECK(condition, context)                                                                  \
  do {                                                                                             \
    if (!(condition))                                                                              \
      check::fail(__FILE__, __LINE__, #condition, context);                                        \
  } while (0)
#define CHECK_EQ(actual, expected, context)                                                        \
  do {                                                                                             \
    const auto check_actual = (actual);                                                            \
    const auto check_expected = (expected);                                                        \
    if (!(check_actual == check_expected))                                                         \
      check::fail(__FILE__, __LINE__, #actual, check::printed(check_actual),                       \
                  check::printed(check_expected), context);                                        \
  } while (0)
