// Quantizing on a thread of its own, like loading.
#include "quantize_info.h"

#include <memory>

#include "addon_state.h"
#include "arguments.h"
#include "common/cpu_count.h"
#include "common/file_reader.h"
#include "common/memory_source.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"
#include "quantize/requantize.h"

namespace bitnet {
namespace {

/** What all requests say of a tensor; its bytes are in memory or in a file. */
struct TensorRequest {
  std::string path;
  std::vector<int64_t> stamp; // of the file: size, modified, inode
  const uint8_t* bytes;
  size_t byte_count;
  std::string type;
  StoredTensor tensor;
  size_t threads;
};

TensorRequest request_of(const Napi::Object& object) {
  const auto count = [&object](const char* key) {
    return static_cast<size_t>(number_of(object, key));
  };
  TensorRequest request = {};
  request.path = string_of(object, "path");
  request.stamp = copy_of<int64_t>(object, "stamp");
  request.bytes = elements_of<uint8_t>(object, "bytes");
  request.byte_count = length_of(object, "bytes");
  request.type = string_of(object, "type");
  request.tensor.offset = static_cast<uint64_t>(number_of(object, "offset"));
  request.tensor.shape = {
      count("rows"), count("cols"), {count("tileRows"), count("tileCols"), count("tileGroupRows")}};
  request.threads = count("threads");
  return request;
}

struct Type {
  const TernaryFormat* ternary;
  DenseType dense;
};

bool find_type(const std::string& name, Type* out) {
  out->ternary = find_ternary_format(name);
  for (uint32_t t = 0; t < kDenseTypes; ++t)
    if (name == kDenseStorage[t].name)
      out->dense = static_cast<DenseType>(t);
  return out->ternary || name == kDenseStorage[out->dense].name;
}

Status unusable_type(const std::string& name) {
  return Status::error(Code::kType, "A tensor of this shape cannot be stored as " + name + ".");
}

/** Whether the type can hold the shape: TypeScript has checked it, and this keeps memory safe. */
bool holds(const Type& type, TensorShape shape) {
  if (shape.rows == 0 || shape.cols == 0)
    return false;
  if (!type.ternary)
    return shape.cols % kDenseStorage[type.dense].block == 0;
  return shape.cols % type.ternary->block_cols == 0 &&
         (!type.ternary->fits || type.ternary->fits(shape));
}

/** Opens the source, starts the threads and does `work(tensor, context)`. */
template <class Work>
Status with_tensor(const TensorRequest& request, const Abort& abort, Work&& work) {
  Type type = {};
  StoredTensor tensor = request.tensor;
  if (!find_type(request.type, &type) || !holds(type, tensor.shape))
    return unusable_type(request.type);
  tensor.ternary = type.ternary;
  tensor.dense = type.dense;
  FileReader file;
  const MemorySource memory(request.bytes, request.byte_count);
  tensor.bytes = &memory;
  if (!request.bytes) {
    FileStamp stamp;
    if (request.stamp.size() == 3)
      stamp = {request.stamp[0], request.stamp[1], request.stamp[2]};
    Status opened = file.open(request.path, request.stamp.size() == 3 ? &stamp : nullptr);
    if (!opened.ok())
      return opened;
    tensor.bytes = &file;
  }
  KernelSet kernels;
  Status status = select_kernels(detect_cpu_features(), "", &kernels);
  if (!status.ok())
    return status;
  ThreadPool pool(request.threads >= 1 ? request.threads : usable_cpu_count());
  status = work(tensor, QuantizeContext{*kernels.dense, pool, abort});
  return status.ok() ? tensor.bytes->unchanged() : status;
}

/** Does `work(tensor, context, result)` on a thread, and promises what `made` makes of the result. */
template <class Result, class Work>
Napi::Value promised(const Napi::CallbackInfo& info, Work work,
                     Napi::Value (*made)(Napi::Env, const Result&)) {
  Napi::Env env = info.Env();
  const Napi::Object object = info[0].As<Napi::Object>();
  const TensorRequest request = request_of(object);
  auto* control = elements_of<std::atomic<int32_t>>(object, "control");
  if (!control) // read last: the worker is being terminated
    return env.Undefined();
  AddonState& state = AddonState::of(env);
  const Abort abort{control, state.closing()};
  auto result = std::make_shared<Result>();
  return state.run(
      env, object,
      [=](Deferred& deferred) {
        deferred.status = with_tensor(
            request, abort, [&](const StoredTensor& tensor, const QuantizeContext& context) {
              return work(tensor, context, result.get());
            });
      },
      [result, made](Napi::Env env) { return made(env, *result); });
}

/** Does `work(tensor, context, out)` for a dense tensor of which `out` has `room(shape)` numbers. */
template <class Number, class Room>
Napi::Value written(const Napi::CallbackInfo& info, Room room,
                    Status (*work)(const StoredTensor&, const QuantizeContext&, Number*)) {
  const Napi::Object object = info[0].As<Napi::Object>();
  Number* out = elements_of<Number>(object, "out");
  const size_t count = length_of(object, "out");
  struct Nothing {};
  return promised<Nothing>(
      info,
      [=](const StoredTensor& tensor, const QuantizeContext& context, Nothing*) {
        if (tensor.ternary || count != room(tensor.shape))
          return Status::error(Code::kArgument, "Expected a dense tensor, and room for its rows.");
        return work(tensor, context, out);
      },
      [](Napi::Env env, const Nothing&) -> Napi::Value { return env.Undefined(); });
}

} // namespace

Napi::Value encoded_rows(const Napi::CallbackInfo& info) {
  const Napi::Object object = info[0].As<Napi::Object>();
  const size_t row = static_cast<size_t>(number_of(object, "row"));
  const size_t count = static_cast<size_t>(number_of(object, "count"));
  const std::string name = string_of(object, "target");
  const float* given = elements_of<float>(object, "given");
  const size_t given_count = length_of(object, "given");
  const float zero_limit = static_cast<float>(number_of(object, "zeroLimit"));
  const ScaleRule rule = given                               ? ScaleRule::kGiven
                         : number_of(object, "absmean") != 0 ? ScaleRule::kAbsmean
                                                             : ScaleRule::kExact;
  const float scale = static_cast<float>(number_of(object, "scale"));
  uint8_t* out = elements_of<uint8_t>(object, "out");
  const size_t room = length_of(object, "out");
  return promised<uint32_t>(
      info,
      [=](const StoredTensor& tensor, const QuantizeContext& context, uint32_t* findings) {
        Type type = {};
        if (!find_type(name, &type) || (type.ternary && !type.ternary->encode) ||
            !holds(type, tensor.shape))
          return unusable_type(name);
        const TargetType target = {type.ternary, type.dense, rule, scale, given, zero_limit};
        const size_t rows = tensor.shape.rows, step = row_step(tensor);
        if (given && given_count != rows * size_groups(tensor.shape.cols))
          return Status::error(Code::kArgument, "Expected all scales of a tensor.");
        if (row > rows || count > rows - row || row % step != 0 ||
            (count % step != 0 && row + count != rows) ||
            encoded_bytes(tensor, row, count, target) != room)
          return Status::error(Code::kArgument, "Expected whole slices of a tensor.");
        return encode_rows(tensor, row, count, target, context, out, findings);
      },
      [](Napi::Env env, const uint32_t& findings) -> Napi::Value {
        return Napi::Number::New(env, findings);
      });
}

Napi::Value found_sizes(const Napi::CallbackInfo& info) {
  return written<float>(
      info, [](TensorShape shape) { return shape.rows * size_groups(shape.cols); }, group_sizes);
}

Napi::Value found_sums(const Napi::CallbackInfo& info) {
  return written<double>(
      info, [](TensorShape shape) { return shape.rows; }, row_sums);
}

Napi::Value found_scale(const Napi::CallbackInfo& info) {
  return promised<float>(info, first_scale, [](Napi::Env env, const float& scale) -> Napi::Value {
    return Napi::Number::New(env, static_cast<double>(scale));
  });
}

Napi::Value measured_ternary(const Napi::CallbackInfo& info) {
  const size_t group = static_cast<size_t>(number_of(info[0].As<Napi::Object>(), "group"));
  return promised<TernaryDistance>(
      info,
      [=](const StoredTensor& tensor, const QuantizeContext& context, TernaryDistance* distance) {
        if (tensor.ternary || (group != 0 && tensor.shape.cols % group != 0))
          return Status::error(Code::kArgument, "Expected a dense tensor, and groups that fit.");
        return measure_ternary(tensor, group, context, distance);
      },
      [](Napi::Env env, const TernaryDistance& measured) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        result.Set("exact", measured.exact);
        result.Set("absmean", static_cast<double>(measured.absmean));
        result.Set("distance", measured.distance);
        return result;
      });
}

} // namespace bitnet
