// Packed weights in a file of this program, so that a later load need not pack them again.
#pragma once
#include <string>
#include <vector>

#include "../common/file_reader.h"
#include "../common/thread_pool.h"
#include "../graph/weights.h"
#include "load_control.h"

namespace bitnet {

/** Which file, and what it must have been made for. */
struct PreparedFile {
  std::string path; // UTF-8
  std::string key;  // 64 characters, of the weights and of how they are held
  uint64_t offset;  // of our part; before it lies what TypeScript says of the file
};

/**
 * Writes `header` and everything that a load has packed to a new file: matrices, and the int8 copy
 * of the head. Vectors, and what is held as it is stored, stay in the model's file alone.
 *
 *   header | head | directory: a record for each matrix, then the head's copy | blocks
 *
 * All numbers are little-endian. Blocks begin at cache lines. A checksum covers head and directory,
 * which has one for every piece of a block.
 */
Status write_prepared(const std::string& path, const std::string& key, const uint8_t* header,
                      size_t header_bytes, const Weights& weights, const Abort& abort);

/** What such a file holds, on its way into a model. Nothing in it is trusted. */
class PreparedWeights {
public:
  /** Reads the directory. */
  Status open(const PreparedFile& file);
  /** Reads and checks all blocks, on the threads of `pool`, into memory that `arena` owns. */
  Status read(Arena& arena, ThreadPool& pool, const LoadControl& control);

  /** Whether the tensor in that place of ModelSpec::tensors is there. */
  bool has(size_t place) const;
  /** Fills in a matrix, or those of all experts, as the plan holds them or as reading has told. */
  Status restore(size_t place, const TensorSpec& tensor, const KernelSet& kernels,
                 const std::vector<Linear*>& out, PlannedTensor* planned) const;

  bool has_head_copy() const { return head_.bytes > 0; }
  Status restore_head_copy(size_t rows, size_t cols, const PrefilterKernel& kernel,
                           HeadCopy* out) const;

private:
  struct Block {
    uint64_t offset = 0; // among the blocks
    uint64_t bytes = 0;
    std::vector<uint64_t> sums; // of its pieces
  };
  struct Matrix : Block {
    uint32_t place = 0;
    uint32_t expert = 0;
    uint32_t layout = 0;
    float scale = 0;
    float factor = 0;
    std::vector<float> row_scale;
  };
  struct HeadBlock : Block {
    std::vector<float> scale, error, norm;
  };

  Status read_directory(const std::vector<uint8_t>& bytes, uint32_t matrices);
  Status damaged(const char* what) const;
  std::vector<const Block*> blocks() const;

  FileReader file_;
  std::string path_;
  uint64_t blocks_offset_ = 0; // in the file
  uint64_t blocks_bytes_ = 0;
  std::vector<Matrix> matrices_; // by place, then by expert
  HeadBlock head_;
  AlignedBuffer memory_; // a view of all blocks
};

} // namespace bitnet
