// The one table of what tensors are for: where each role's tensor is kept and which shape it has.
#pragma once
#include <stdint.h>

#include <string>
#include <variant>
#include <vector>

#include "weights.h"

namespace bitnet {

/** A vector that belongs to one linear layer. */
struct LinearVector {
  Linear LayerWeights::*linear;
  std::vector<float> Linear::*vector;
};

/** Where a tensor is kept: in the model's weights, or in those of its layer. */
using Place = std::variant<RowTable Weights::*, std::vector<float> Weights::*,
                           Linear LayerWeights::*, std::vector<Linear> LayerWeights::*,
                           std::vector<float> LayerWeights::*, LinearVector>;

/** Norms of one branch alone: the values before and after it are needed at the same time. */
enum class Branch { kNone, kAttention, kFeedForward };

/** A row of the table. Its name is that in lib/model/spec/graph-tensors.ts. */
struct Role {
  const char* name;
  Place place;
  uint64_t (*rows)(const ModelSpec&); // 1 for vectors
  uint64_t (*cols)(const ModelSpec&);
  Branch branch = Branch::kNone;
};

/** Whether a layer has the tensor, not the model as a whole. */
bool is_of_layer(const Role& role);

/** Whether the tensor holds a matrix of each expert. */
bool is_of_experts(const Role& role);

/** The role called `name`, or null. */
const Role* find_role(const std::string& name);

/** Whether the model has a tensor of that role. */
bool has_role(const ModelSpec& spec, const char* name);

/** Whether the model has a norm of that branch, or of either. */
bool has_branch_norms(const ModelSpec& spec, Branch branch);
bool has_branch_norms(const ModelSpec& spec);

/** Where a tensor of the role is kept in `weights`; null where that has no such layer. */
using Slot =
    std::variant<std::monostate, RowTable*, Linear*, std::vector<Linear>*, std::vector<float>*>;
Slot slot_of(const Role& role, int32_t layer, Weights& weights);

} // namespace bitnet
