// Running a step, and trying alone what failed together.
#include "shared_step.h"

#include <algorithm>
#include <new>

namespace bitnet {
namespace {

// What the evaluations want of the head, but for those that are aborted.
void ask(const StepPart* parts, size_t count, HeadWork& work) {
  work.clear();
  for (size_t i = 0; i < count; ++i)
    if (!parts[i].evaluation->abort_raised())
      parts[i].evaluation->ask(parts[i].row, parts[i].n, work);
}

Status try_step(ThreadPool& pool, const StepPart* parts, size_t count) {
  Model& model = parts[0].evaluation->model();
  const Weights& weights = *model.weights;
  StepLists& lists = model.lists;
  const bool counted = parts[0].evaluation->runs_alone();
  const size_t n = parts[count - 1].row + parts[count - 1].n;
  // All the memory that the step takes.
  Status status;
  for (size_t i = 0; i < count && status.ok(); ++i)
    status = parts[i].evaluation->prepare(parts[i].n);
  if (!status.ok())
    return status;
  lists.items.clear();
  for (size_t i = 0; i < count; ++i)
    lists.items.push_back(parts[i].evaluation->item(parts[i].n));
  if (counted)
    lists.counts = std::vector<FfnCounts>(weights.layers.size());
  ask(parts, count, lists.work);
  find_adapter_rows(lists.items.data(), count, &lists.adapters);
  status = model.workspace.ensure(n, lists.work, lists.adapters);
  if (!status.ok())
    return status;

  status = forward(weights, model.workspace, pool, lists.items.data(), count,
                   counted ? lists.counts.data() : nullptr, lists.adapters);
  if (!status.ok())
    return status;
  const auto raised = [](const StepPart& part) { return part.evaluation->abort_raised(); };
  if (std::any_of(parts, parts + count, raised)) { // nobody wants to know what became of those
    ask(parts, count, lists.work);
    status = model.workspace.ensure(n, lists.work, lists.adapters);
    if (!status.ok())
      return status;
  }
  status = answer(weights, model.workspace, pool, lists.work);
  // Once, behind all that was read: a change before any of it shows.
  if (status.ok() || status.code == Code::kNumeric) {
    Status files = weights.files_unchanged();
    if (!files.ok())
      return files;
  }
  if (!status.ok())
    return status;
  if (counted)
    parts[0].evaluation->add_counts(lists.counts);
  return {};
}

void run_parts(ThreadPool& pool, StepPart* parts, size_t count) {
  Status status;
  try {
    status = try_step(pool, parts, count);
  } catch (const std::bad_alloc&) {
    status = Status::error(Code::kMemory, "Not enough memory for the evaluation.");
  }
  if (!status.ok() && count > 1) {
    for (size_t i = 0; i < count; ++i) {
      parts[i].row = 0;
      run_parts(pool, parts + i, 1);
    }
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    Evaluation& evaluation = *parts[i].evaluation;
    if (evaluation.abort_raised())
      evaluation.fail_aborted();
    else if (!status.ok())
      evaluation.fail(std::move(status));
    else
      evaluation.advance(parts[i].n);
  }
}

} // namespace

void run_step(ThreadPool& pool, StepPart* parts, size_t count) {
  Model& model = parts[0].evaluation->model();
  // An adapter's matrices are read once for neighbors.
  std::sort(parts, parts + count, [](const StepPart& a, const StepPart& b) {
    return a.evaluation->adapters_before(*b.evaluation);
  });
  size_t live = 0, row = 0;
  for (size_t i = 0; i < count; ++i) {
    StepPart part = parts[i];
    if (part.evaluation->abort_raised()) {
      part.evaluation->fail_aborted();
      continue;
    }
    part.row = row;
    row += part.n;
    parts[live++] = part;
  }
  if (live == 0)
    return;
  run_parts(pool, parts, live);
  model.workspace_bytes.store(model.workspace.bytes());
}

} // namespace bitnet
