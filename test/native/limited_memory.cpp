// Operators new that count, apart from the tests, so that the compiler does not see through them.
#include "limited_memory.h"

#include <stdlib.h>

#include <new>

namespace limited_memory {

std::atomic<int64_t> left{-1};
std::atomic<int64_t> made{0};

} // namespace limited_memory

#if !defined(_WIN32)

namespace {

using limited_memory::left;
using limited_memory::made;

void* allocated(size_t bytes, size_t align) {
  ++made;
  if (left.load() >= 0 && left.fetch_sub(1) <= 0) {
    left.store(0);
    throw std::bad_alloc();
  }
  void* block = align ? aligned_alloc(align, (bytes + align - 1) / align * align) : malloc(bytes);
  if (!block)
    throw std::bad_alloc();
  return block;
}

void* or_null(size_t bytes, size_t align) noexcept {
  try {
    return allocated(bytes, align);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

} // namespace

// All of them: sanitizers bring their own, which must not be mixed with these.
void* operator new(size_t bytes) {
  return allocated(bytes, 0);
}
void* operator new[](size_t bytes) {
  return allocated(bytes, 0);
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return or_null(bytes, 0);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return or_null(bytes, 0);
}
void* operator new(size_t bytes, std::align_val_t align) {
  return allocated(bytes, static_cast<size_t>(align));
}
void* operator new[](size_t bytes, std::align_val_t align) {
  return allocated(bytes, static_cast<size_t>(align));
}
void* operator new(size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return or_null(bytes, static_cast<size_t>(align));
}
void* operator new[](size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
  return or_null(bytes, static_cast<size_t>(align));
}
void operator delete(void* block) noexcept {
  free(block);
}
void operator delete[](void* block) noexcept {
  free(block);
}
void operator delete(void* block, size_t) noexcept {
  free(block);
}
void operator delete[](void* block, size_t) noexcept {
  free(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
  free(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
  free(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  free(block);
}
void operator delete[](void* block, std::align_val_t) noexcept {
  free(block);
}
void operator delete(void* block, size_t, std::align_val_t) noexcept {
  free(block);
}
void operator delete[](void* block, size_t, std::align_val_t) noexcept {
  free(block);
}

#endif
