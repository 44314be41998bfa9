// A small random model in a temporary file, and what tests need to run it.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/shared_step.h"
#include "load/load_weights.h"

namespace bitnet {

// A temporary file that holds the tensors of a random model, one after the other.
class ModelFile {
public:
  // What the graph has beyond that of BitNet b1.58: a bias of every projection, or these and every
  // other step there is, with GELU in place of squared ReLU; or instead of that experts, and
  // rotated inputs of attention; or a recurrent layer before one with gated attention.
  enum class Extras { kNone, kBiases, kAll, kExperts, kRecurrent };

  explicit ModelFile(bool ternary, uint32_t head_dim = 24, Extras extras = Extras::kNone);
  ~ModelFile();

  const ModelSpec& spec() const { return spec_; }
  std::vector<uint8_t>& bytes() { return bytes_; }

  void save(size_t count);

private:
  static constexpr uint32_t kExperts = 5;

  void add_experts(int32_t layer, bool ternary);
  void add_recurrence(int32_t layer, bool ternary);
  void add_biases(int32_t layer, uint64_t q, uint64_t kv);
  void add_norms(int32_t layer);
  void add(const char* role, int32_t layer, const char* type, uint64_t rows, uint64_t cols,
           uint64_t bytes);
  void floats(size_t offset, size_t count, float mean, float deviation);
  void vector(const char* role, int32_t layer, uint64_t cols);
  void matrix(const char* role, int32_t layer, uint64_t rows, uint64_t cols, bool ternary);

  std::string path_;
  ModelSpec spec_ = {};
  std::vector<uint8_t> bytes_;
  std::mt19937 random_{7};
};

struct Flags {
  std::atomic<int32_t> abort{0}, progress{0}, closing{0};
  Abort signal() const { return {&abort, &closing}; }
};

Status load(const ModelSpec& spec, const KernelSet& kernels, const LoadChoices& choices,
            size_t threads, std::shared_ptr<Weights>* out);

Status load(const ModelSpec& spec, const std::string& kernel, size_t threads,
            std::shared_ptr<const Weights>* out, uint64_t prefilter_from = kPrefilterFrom);

// Runs a step of evaluations of which each gets a token at least, and part of a long prompt.
void run_together(ThreadPool& pool, const std::vector<Evaluation*>& evaluations);

// Runs evaluations together until all of them are over.
void finish(ThreadPool& pool, std::vector<Evaluation*> evaluations);

std::vector<int32_t> some_tokens(size_t count);

} // namespace bitnet
