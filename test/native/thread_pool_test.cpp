// The thread pool runs every chunk exactly once, whatever the number of threads, and survives being
// idle.
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "check.h"
#include "common/thread_pool.h"

using bitnet::ThreadPool;

TEST("every chunk of a job runs exactly once") {
  for (size_t threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    for (size_t chunks : {0, 1, 2, 5, 64, 1000}) {
      std::vector<std::atomic<int>> runs(chunks);
      std::atomic<bool> known_thread{true};
      pool.parallel(chunks, [&](size_t chunk, size_t thread) {
        runs[chunk].fetch_add(1);
        if (thread >= threads)
          known_thread.store(false);
      });
      for (size_t i = 0; i < chunks; ++i)
        CHECK_EQ(runs[i].load(), 1,
                 std::to_string(threads) + " threads, chunk " + std::to_string(i));
      CHECK(known_thread.load(), std::to_string(threads) + " threads");
    }
  }
}

TEST("what a job wrote is visible when parallel() returns, thousands of jobs in a row") {
  ThreadPool pool(4);
  std::vector<size_t> values(64, 0);
  for (size_t job = 1; job <= 20000; ++job)
    pool.parallel(values.size(), [&](size_t chunk, size_t) { values[chunk] += chunk; });
  for (size_t i = 0; i < values.size(); ++i)
    CHECK_EQ(values[i], 20000 * i, "chunk " + std::to_string(i));
}

TEST("workers that went to sleep wake up for the next job") {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> sum{0};
    pool.parallel(10, [&](size_t chunk, size_t) { sum.fetch_add(static_cast<int>(chunk)); });
    CHECK_EQ(sum.load(), 45, "round " + std::to_string(round));
  }
}

TEST("more threads than cores, several pools at once, still finish") {
  std::vector<std::thread> callers;
  std::atomic<size_t> total{0};
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&total] {
      ThreadPool pool(8);
      for (int job = 0; job < 200; ++job)
        pool.parallel(16, [&](size_t, size_t) { total.fetch_add(1); });
    });
  for (std::thread& caller : callers)
    caller.join();
  CHECK_EQ(total.load(), size_t{3 * 200 * 16}, "");
}
