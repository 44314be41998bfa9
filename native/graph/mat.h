// A matrix that lies in somebody else's memory: what one operation of a step hands to the next.
#pragma once
#include <stddef.h>

#include <type_traits>

#include "../common/aligned_buffer.h"

namespace bitnet {

/** Rounds up to whole SIMD rows, the padding unit of every float and int8 buffer. */
constexpr size_t pad_to(size_t count, size_t unit) {
  return (count + unit - 1) / unit * unit;
}

/** `rows` rows of `cols` values, `stride` values apart. Null where there is nothing to see. */
template <class T> struct MatOf {
  T* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;
  size_t stride = 0;

  T* row(size_t i) const { return data + i * stride; }
  /** Columns [begin, begin + count) of every row. */
  MatOf columns(size_t begin, size_t count) const {
    return {.data = data + begin, .rows = rows, .cols = count, .stride = stride};
  }

  operator MatOf<const T>() const requires(!std::is_const_v<T>) {
    return {.data = data, .rows = rows, .cols = cols, .stride = stride};
  }
};

/** A matrix whose rows follow each other without a gap. */
template <class T> MatOf<T> packed(T* data, size_t rows, size_t cols) {
  return {.data = data, .rows = rows, .cols = cols, .stride = cols};
}

using Mat = MatOf<float>;
using ConstMat = MatOf<const float>;

/** A matrix with memory of its own, whose rows are the tokens of a step. */
template <class T> class TokenMat : public MatOf<T> {
public:
  /** Rows of `cols` values, padded to a multiple of `pad` with zeros that nobody overwrites. */
  TokenMat(size_t cols, size_t pad) {
    this->cols = cols;
    this->stride = pad_to(cols, pad);
  }

  /** Makes it `n` rows; what they hold is unspecified. False, and no rows, without memory. */
  bool ensure(size_t n) {
    const bool ok = buffer_.ensure(n * row_bytes());
    this->data = buffer_.template as<T>();
    this->rows = ok ? n : 0;
    return ok;
  }
  size_t row_bytes() const { return this->stride * sizeof(T); }
  size_t bytes() const { return buffer_.size(); }

private:
  AlignedBuffer buffer_;
};

} // namespace bitnet
