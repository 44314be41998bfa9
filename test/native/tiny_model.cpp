// A random model: written once, loaded and run as the tests say.
#include "tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "formats/formats.h"
#include "kernels/cpu_features.h"

namespace bitnet {

ModelFile::ModelFile(bool ternary, uint32_t head_dim, Extras extras)
    : path_((std::filesystem::temp_directory_path() /
             ("bitnet_model_test_" + std::to_string(std::random_device()()) + ".bin"))
                .string()) {
  spec_.n_layer = 2;
  spec_.n_head = 4;
  spec_.n_kv_head = 2;
  spec_.head_dim = head_dim;
  spec_.dim = 128;
  spec_.ffn_dim = 192;
  spec_.vocab_size = 67;
  spec_.norm_eps = 1e-5f;
  spec_.rope_neox = true;
  spec_.rope_dim = head_dim;
  spec_.rope_base = 10000;
  spec_.rope_scale = 1;
  spec_.embedding_scale = 1;
  spec_.attention_scale = 1 / sqrtf(static_cast<float>(head_dim));
  spec_.activation = Activation::kRelu2;
  spec_.path = path_;
  if (extras == Extras::kRecurrent) {
    spec_.gated_attention = true;
    spec_.recurrent = {.layers = {1, 0},
                       .taps = 4,
                       .n_key_head = 2,
                       .n_value_head = 4,
                       .key_dim = 24,
                       .head_dim = 24};
  }
  const uint32_t q = spec_.n_head * head_dim, kv = spec_.n_kv_head * head_dim;
  matrix("token_embd", -1, spec_.vocab_size, spec_.dim, false);
  vector("output_norm", -1, spec_.dim);
  for (int32_t layer = 0; layer < 2; ++layer) {
    const bool recurrent = spec_.is_recurrent(static_cast<size_t>(layer));
    vector("attn_norm", layer, spec_.dim);
    if (!recurrent)
      vector("attn_sub_norm", layer, q);
    vector("ffn_norm", layer, spec_.dim);
    vector("ffn_sub_norm", layer, spec_.ffn_dim);
    if (recurrent) {
      add_recurrence(layer, ternary);
    } else {
      matrix("attn_q", layer, spec_.n_head * spec_.query_stride(), spec_.dim, ternary);
      matrix("attn_k", layer, kv, spec_.dim, ternary);
      matrix("attn_v", layer, kv, spec_.dim, ternary);
      matrix("attn_output", layer, spec_.dim, q, ternary);
    }
    if (extras == Extras::kExperts) {
      add_experts(layer, ternary);
      continue;
    }
    matrix("ffn_gate", layer, spec_.ffn_dim, spec_.dim, ternary);
    matrix("ffn_up", layer, spec_.ffn_dim, spec_.dim, ternary);
    matrix("ffn_down", layer, spec_.dim, spec_.ffn_dim, ternary);
    if (extras == Extras::kBiases || extras == Extras::kAll)
      add_biases(layer, q, kv);
    if (extras == Extras::kAll)
      add_norms(layer);
  }
  if (extras == Extras::kExperts) {
    spec_.activation = Activation::kSilu;
    spec_.n_expert = kExperts;
    spec_.n_expert_used = 2;
    spec_.gate_limits = {0.5f, 0};
    spec_.windowed = {1, 0};
    spec_.window = 37;
    spec_.rope_in_windows = true;
    spec_.rotation_block = 32;
    spec_.rotation_signs.assign(1, std::vector<int8_t>(spec_.dim, -1));
    for (TensorSpec& tensor : spec_.tensors)
      tensor.rotated = tensor.cols == spec_.dim && tensor.rows > 1 &&
                       tensor.role.rfind("attn_", 0) == 0 && tensor.role != "attn_output";
  }
  if (extras == Extras::kAll) {
    spec_.activation = Activation::kGeluTanh;
    spec_.embedding_scale = 3;
    spec_.windowed = {1, 0};
    spec_.window = 37;
    spec_.window_rope_base = 500;
  }
  save(bytes_.size());
}

ModelFile::~ModelFile() {
  remove(path_.c_str());
}

void ModelFile::save(size_t count) {
  FILE* file = fopen(path_.c_str(), "wb");
  fwrite(bytes_.data(), 1, count, file);
  fclose(file);
}

void ModelFile::add_experts(int32_t layer, bool ternary) {
  matrix("ffn_gate_inp", layer, kExperts, spec_.dim, false);
  for (const char* role : {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}) {
    const bool down = role == std::string("ffn_down_exps");
    const uint64_t rows = down ? spec_.dim : spec_.ffn_dim;
    matrix(role, layer, kExperts * rows, down ? spec_.ffn_dim : spec_.dim, ternary);
    spec_.tensors.back().rows = rows;
    spec_.tensors.back().experts = kExperts;
  }
}

void ModelFile::add_recurrence(int32_t layer, bool ternary) {
  const RecurrentSpec& recurrent = spec_.recurrent;
  matrix("attn_qkv", layer, recurrent.channels(), spec_.dim, ternary);
  matrix("attn_gate", layer, recurrent.values(), spec_.dim, ternary);
  matrix("ssm_alpha", layer, recurrent.n_value_head, spec_.dim, false);
  matrix("ssm_beta", layer, recurrent.n_value_head, spec_.dim, false);
  const size_t offset = bytes_.size(), taps = recurrent.channels() * recurrent.taps;
  add("ssm_conv1d", layer, "F32", recurrent.channels(), recurrent.taps, taps * 4);
  floats(offset, taps, 0, 0.7f);
  vector("ssm_dt", layer, recurrent.n_value_head);
  const size_t rates = bytes_.size();
  vector("ssm_a", layer, recurrent.n_value_head);
  floats(rates, recurrent.n_value_head, -0.3f, 0.05f);
  vector("ssm_norm", layer, recurrent.head_dim);
  matrix("ssm_out", layer, spec_.dim, recurrent.values(), ternary);
}

void ModelFile::add_biases(int32_t layer, uint64_t q, uint64_t kv) {
  vector("attn_q_bias", layer, q);
  vector("attn_k_bias", layer, kv);
  vector("attn_v_bias", layer, kv);
  vector("attn_output_bias", layer, spec_.dim);
  vector("ffn_gate_bias", layer, spec_.ffn_dim);
  vector("ffn_up_bias", layer, spec_.ffn_dim);
  vector("ffn_down_bias", layer, spec_.dim);
}

void ModelFile::add_norms(int32_t layer) {
  vector("attn_q_norm", layer, spec_.head_dim);
  vector("attn_k_norm", layer, spec_.head_dim);
  for (const char* role : {"attn_post_norm", "ffn_post_norm", "attn_q_norm_in", "attn_k_norm_in",
                           "attn_v_norm_in", "ffn_gate_norm_in", "ffn_up_norm_in"})
    vector(role, layer, spec_.dim);
}

void ModelFile::add(const char* role, int32_t layer, const char* type, uint64_t rows, uint64_t cols,
                    uint64_t bytes) {
  spec_.tensors.push_back({role, layer, "t" + std::to_string(spec_.tensors.size()), type, rows,
                           cols, bytes_.size(), bytes});
  bytes_.resize(bytes_.size() + bytes);
}

void ModelFile::floats(size_t offset, size_t count, float mean, float deviation) {
  std::normal_distribution<float> normal(mean, deviation);
  for (size_t i = 0; i < count; ++i) {
    const float value = normal(random_);
    memcpy(&bytes_[offset + 4 * i], &value, 4);
  }
}

void ModelFile::vector(const char* role, int32_t layer, uint64_t cols) {
  const size_t offset = bytes_.size();
  add(role, layer, "F32", 1, cols, cols * 4);
  floats(offset, cols, 1, 0.2f);
}

void ModelFile::matrix(const char* role, int32_t layer, uint64_t rows, uint64_t cols,
                       bool ternary) {
  const size_t offset = bytes_.size();
  if (!ternary) {
    add(role, layer, "F32", rows, cols, rows * cols * 4);
    floats(offset, rows * cols, 0, 0.1f);
    return;
  }
  add(role, layer, "I2_S", rows, cols, rows * cols / 4 + 32);
  const uint8_t codes[] = {0, 1, 1, 2};
  for (size_t i = 0; i < rows * cols / 4; ++i) {
    const uint32_t r = static_cast<uint32_t>(random_());
    bytes_[offset + i] = static_cast<uint8_t>(codes[r & 3] << 6 | codes[r >> 2 & 3] << 4 |
                                              codes[r >> 4 & 3] << 2 | codes[r >> 6 & 3]);
  }
  const float scale = 0.15f;
  memcpy(&bytes_[offset + rows * cols / 4], &scale, 4);
}

Status load(const ModelSpec& spec, const KernelSet& kernels, const LoadChoices& choices,
            size_t threads, std::shared_ptr<Weights>* out) {
  LoadPlan plan;
  Status status = plan_load(spec, kernels, choices, &plan);
  if (!status.ok())
    return status;
  Flags flags;
  ThreadPool pool(threads);
  return load_weights(spec, plan, pool, {flags.signal(), &flags.progress}, out);
}

Status load(const ModelSpec& spec, const std::string& kernel, size_t threads,
            std::shared_ptr<const Weights>* out, uint64_t prefilter_from) {
  KernelSet kernels;
  Status status = select_kernels(detect_cpu_features(), kernel, &kernels);
  std::shared_ptr<Weights> weights;
  LoadChoices choices;
  choices.prefilter_from = prefilter_from;
  if (status.ok())
    status = load(spec, kernels, choices, threads, &weights);
  *out = std::move(weights);
  return status;
}

void run_together(ThreadPool& pool, const std::vector<Evaluation*>& evaluations) {
  const size_t count = evaluations.size();
  const size_t batch = evaluations[0]->model().workspace.plan.batch;
  size_t room = count == 1 ? batch : std::min(batch, count + 128);
  std::vector<StepPart> parts;
  for (size_t i = 0; i < count; ++i) {
    const size_t n = std::min(evaluations[i]->remaining(), room / (count - i));
    room -= n;
    parts.push_back({.evaluation = evaluations[i], .n = n});
  }
  run_step(pool, parts.data(), count);
}

// Runs evaluations together until all of them are over.
void finish(ThreadPool& pool, std::vector<Evaluation*> evaluations) {
  const auto over = [](const Evaluation* evaluation) { return evaluation->over(); };
  while (!evaluations.empty()) {
    for (Evaluation* evaluation : evaluations)
      evaluation->reuse();
    run_together(pool, evaluations);
    evaluations.erase(std::remove_if(evaluations.begin(), evaluations.end(), over),
                      evaluations.end());
  }
}

std::vector<int32_t> some_tokens(size_t count) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i)
    tokens[i] = static_cast<int32_t>((i * 31 + 7) % 67);
  return tokens;
}

} // namespace bitnet
