// Memory from the system: anonymous mappings for large blocks, the C++ allocator for small ones.
#include "aligned_buffer.h"

#include <string.h>

#include <new>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace bitnet {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kHugePage = size_t{2} << 20;

// From here on the system gives zeroed pages that cost nothing until they are touched: a session
// of a small model with a context it never fills is some hundred kilobytes of these.
constexpr size_t kMapFrom = size_t{1} << 16;

#if defined(__unix__) || defined(__APPLE__)
constexpr size_t kPage = size_t{1} << 16; // a multiple of every system's page

size_t whole_pages(size_t bytes) {
  return (bytes + kPage - 1) & ~(kPage - 1);
}
#endif

} // namespace

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept {
  *this = std::move(other);
}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(owner_, other.owner_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  release();
}

bool AlignedBuffer::allocate(size_t bytes, Pages pages) {
  release();
  if (bytes == 0)
    return true;
#if defined(__unix__) || defined(__APPLE__)
  if (bytes >= kMapFrom) {
    const size_t rounded = whole_pages(bytes);
    if (rounded < bytes || rounded > SIZE_MAX - kHugePage)
      return false;
    // Over-map so that the block can begin on a huge page; the unused ends are given back.
    const bool huge = pages == Pages::kHuge;
    const size_t span = huge ? rounded + kHugePage : rounded;
    void* map = mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
      return false;
    uint8_t* begin = static_cast<uint8_t*>(map);
    const size_t head = huge ? -reinterpret_cast<uintptr_t>(begin) & (kHugePage - 1) : 0;
    if (head)
      munmap(begin, head);
    if (span - head > rounded)
      munmap(begin + head + rounded, span - head - rounded);
    data_ = begin + head;
    size_ = bytes;
    owner_ = Owner::kMapping;
#if defined(MADV_HUGEPAGE)
    if (huge)
      madvise(data_, rounded, MADV_HUGEPAGE); // advice only: failing costs speed, not correctness
#endif
    return true;
  }
#else
  (void)pages;
#endif
  data_ = static_cast<uint8_t*>(::operator new[](bytes, std::align_val_t{kAlign}, std::nothrow));
  if (!data_)
    return false;
  owner_ = Owner::kAllocator;
  size_ = bytes;
  memset(data_, 0, bytes);
  return true;
}

bool AlignedBuffer::ensure(size_t bytes) {
  return bytes <= size_ || allocate(bytes);
}

AlignedBuffer AlignedBuffer::view(uint8_t* data, size_t size) {
  AlignedBuffer buffer;
  buffer.data_ = data;
  buffer.size_ = size;
  return buffer;
}

void AlignedBuffer::discard() const {
#if defined(MADV_DONTNEED)
  const uintptr_t first = reinterpret_cast<uintptr_t>(data_);
  const uintptr_t begin = (first + kPage - 1) & ~uintptr_t{kPage - 1};
  const uintptr_t end = (first + size_) & ~uintptr_t{kPage - 1};
  if (size_ >= kMapFrom && begin < end)
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
#endif
}

void AlignedBuffer::release() {
#if defined(__unix__) || defined(__APPLE__)
  if (owner_ == Owner::kMapping)
    munmap(data_, whole_pages(size_));
#endif
  if (owner_ == Owner::kAllocator)
    ::operator delete[](data_, std::align_val_t{kAlign});
  data_ = nullptr;
  size_ = 0;
  owner_ = Owner::kNobody;
}

} // namespace bitnet
