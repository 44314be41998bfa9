// A zeroed, 64-byte aligned block of memory that reports failure instead of throwing when there is not
// enough.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

class AlignedBuffer {
public:
  enum class Pages {
    kNormal, // touched lazily: right for a KV cache, which is mostly empty
    kHuge,   // advise 2 MiB pages: right for weights, which are read whole every token
  };

  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer();

  /** Replaces the content by `bytes` zero bytes; false, and empty, when the system refuses. */
  bool allocate(size_t bytes, Pages pages = Pages::kNormal);

  /**
   * Like allocate, but keeps the block when it is already large enough; the content is then
   * unspecified.
   */
  bool ensure(size_t bytes);

  /** A view of memory that another object owns and keeps alive at least as long as this one. */
  static AlignedBuffer view(uint8_t* data, size_t size);

  void release();

  /** Gives the pages of a mapped block back to the system; what the bytes are then is unspecified. */
  void discard() const;

  size_t size() const { return size_; }
  uint8_t* data() const { return data_; }
  template <class T> T* as(size_t byte_offset = 0) const {
    return reinterpret_cast<T*>(data_ + byte_offset);
  }

private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  enum class Owner { kNobody, kMapping, kAllocator } owner_ = Owner::kNobody;
};

} // namespace bitnet
