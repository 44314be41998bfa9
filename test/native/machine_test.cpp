// Reading and multiplying take time, so the rates are positive numbers that machines of today can
// have.
#include <cmath>

#include "check.h"
#include "machine/multiply_peak.h"
#include "machine/read_bandwidth.h"

using bitnet::measure_read_bandwidth;
using bitnet::ThreadPool;

TEST("the read bandwidth is a rate that a machine can have, with one thread and with several") {
  for (size_t threads : {1, 2}) {
    ThreadPool pool(threads);
    double gbps = 0;
    CHECK(measure_read_bandwidth(pool, size_t{8} << 20, &gbps).ok(),
          std::to_string(threads) + " threads");
    // From an emulator's to ten times the fastest server's.
    CHECK(std::isfinite(gbps) && gbps > 0.001 && gbps < 10'000, std::to_string(gbps) + " GB/s");
  }
}

TEST("the multiply-add peak is a rate that a machine can have, with one thread and with several") {
  for (size_t threads : check::quick() ? std::vector<size_t>{2} : std::vector<size_t>{1, 2}) {
    ThreadPool pool(threads);
    const double gmacs = bitnet::measure_multiply_peak(pool);
    CHECK(std::isfinite(gmacs) && gmacs > 0.001 && gmacs < 10'000 * threads,
          std::to_string(gmacs) + " GMAC/s");
  }
}
