// The fork-join loop: one atomic ticket to take work, one counter to end it.
#include "thread_pool.h"

#include <chrono>
#include <new>
#include <system_error>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace bitnet {
namespace {

// Pauses before a waiting thread starts to yield: about 20 µs, longer than the serial work between
// two phases of a layer.
constexpr int kSpins = 1000;

// How long an idle worker yields before it sleeps. Longer than the gap between two tokens (sampling
// in JavaScript), short enough that an idle process costs nothing.
constexpr std::chrono::microseconds kLinger{1500};

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  asm volatile("yield");
#endif
}

} // namespace

ThreadPool::ThreadPool(size_t threads) : shares_(new Share[threads]) {
  std::lock_guard<std::mutex> lock(mutex_); // workers begin when it is known how many they are
  workers_.reserve(threads);
  for (size_t i = 1; i < threads; ++i) {
    try {
      workers_.emplace_back([this, i] { worker(i); });
    } catch (const std::system_error&) {
      break; // the system's thread limit: fewer threads are slower, not wrong
    } catch (const std::bad_alloc&) {
      break;
    }
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_)
    worker.join();
}

void ThreadPool::run(Call call, void* context, size_t chunks) {
  call_ = call;
  context_ = context;
  chunks_ = chunks;
  done_.store(0, std::memory_order_relaxed);
  ++job_;
  size_t begin = 0;
  for (size_t thread = 0; thread < threads(); ++thread) {
    const size_t end = share_end(thread);
    // seq_cst: ordered before the look at asleep_
    shares_[thread].ticket.store(uint64_t{job_} << 32 | (end - begin));
    begin = end;
  }
  if (asleep_.load() > 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    wake_.notify_all();
  }
  while (take_chunk(0)) {
  }
  for (int spin = 0; done_.load(std::memory_order_acquire) != chunks; ++spin) {
    if (spin < kSpins)
      pause();
    else
      std::this_thread::yield();
  }
  if (no_memory_.exchange(false))
    throw std::bad_alloc();
}

bool ThreadPool::take_chunk(size_t thread) {
  for (size_t i = 0; i < threads(); ++i)
    if (take_from((thread + i) % threads(), thread))
      return true;
  return false;
}

bool ThreadPool::take_from(size_t share, size_t thread) {
  std::atomic<uint64_t>& shared = shares_[share].ticket;
  uint64_t ticket = shared.load(std::memory_order_relaxed);
  do {
    if (static_cast<uint32_t>(ticket) == 0)
      return false;
  } while (!shared.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  try {
    call_(context_, share_end(share) - static_cast<uint32_t>(ticket), thread);
  } catch (const std::bad_alloc&) { // others may still be at work on this job: run() throws it
    no_memory_.store(true);
  }
  done_.fetch_add(1, std::memory_order_release);
  return true;
}

bool ThreadPool::idle() const {
  for (size_t i = 0; i < threads(); ++i)
    if (static_cast<uint32_t>(shares_[i].ticket.load()) != 0)
      return false;
  return true;
}

void ThreadPool::worker(size_t thread) {
  using Clock = std::chrono::steady_clock;
  { std::lock_guard<std::mutex> lock(mutex_); }
  for (;;) {
    while (take_chunk(thread)) {
    }
    for (int spin = 0; spin < kSpins && idle(); ++spin)
      pause();
    const Clock::time_point until = Clock::now() + kLinger;
    while (idle() && !stop_.load() && Clock::now() < until)
      std::this_thread::yield();
    if (!idle())
      continue;
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_.fetch_add(1);
    wake_.wait(lock, [this] { return stop_.load() || !idle(); });
    asleep_.fetch_sub(1);
    if (stop_.load())
      return;
  }
}

} // namespace bitnet
