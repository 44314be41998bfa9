// A fixed set of threads that share out the chunks of one job at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace bitnet {

/**
 * The calling thread is thread 0 and works too. A job ends when its last chunk ends; a worker that
 * is late, because the machine is busy, is not waited for unless it holds a chunk. Workers spin
 * briefly after a job, since the next one is usually microseconds away, then sleep.
 */
class ThreadPool {
public:
  /** `threads` >= 1 counts the caller. Fewer start when the system refuses more: see threads(). */
  explicit ThreadPool(size_t threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  size_t threads() const { return workers_.size() + 1; }

  /**
   * body(chunk, thread) for every chunk in [0, chunks); returns when all are done. One caller at a
   * time. Throws std::bad_alloc when a body did, on whichever thread.
   */
  template <class Body> void parallel(size_t chunks, Body&& body) {
    if (chunks == 0)
      return;
    if (chunks == 1 || workers_.empty()) {
      for (size_t chunk = 0; chunk < chunks; ++chunk)
        body(chunk, size_t{0});
      return;
    }
    run(
        [](void* context, size_t chunk, size_t thread) {
          (*static_cast<std::remove_reference_t<Body>*>(context))(chunk, thread);
        },
        const_cast<void*>(static_cast<const void*>(&body)), chunks);
  }

private:
  using Call = void (*)(void* context, size_t chunk, size_t thread);

  void run(Call call, void* context, size_t chunks);
  void worker(size_t thread);
  bool take_chunk(size_t thread);
  bool take_from(size_t share, size_t thread);
  bool idle() const;

  // A thread's share of a job: neighboring chunks, so that it reads memory in one stream, which
  // the prefetchers of CPUs follow (two threads taking turns at 80 rows of weights got 28 GB/s
  // where separate streams get 40). A thread that is done steals chunks of others. High half: number of
  // the job; low half: untaken chunks of the share. Taking a chunk is one
  // compare-and-swap, so whoever succeeds knows that the job's fields below are still this job's:
  // run() cannot return, and so cannot be called again, before that chunk is done.
  struct alignas(64) Share {
    std::atomic<uint64_t> ticket{0};
  };
  size_t share_end(size_t thread) const { return (thread + 1) * chunks_ / threads(); }

  std::unique_ptr<Share[]> shares_; // one per thread
  alignas(64) std::atomic<size_t> done_{0};
  alignas(64) Call call_ = nullptr;
  void* context_ = nullptr;
  size_t chunks_ = 0;
  uint32_t job_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<size_t> asleep_{0};
  std::atomic<bool> stop_{false};
  std::atomic<bool> no_memory_{false}; // a chunk of this job threw std::bad_alloc
  std::vector<std::thread> workers_;
};

} // namespace bitnet
