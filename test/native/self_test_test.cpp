// The self-test finds no fault in this build's kernels, and finds those of broken ones.
#include "self_test/self_test.h"

#include "check.h"
#include "kernels/cpu_features.h"

using namespace bitnet;

namespace {

template <class Kernel> const Kernel* original;

void wrong_groups(const GroupProduct& p, size_t begin, size_t end) {
  original<GroupKernel>->product(p, begin, end);
  p.out[end - begin - 1] *= 1.0000002f;
}
void wrong_ternary(const TernaryProduct& p, size_t begin, size_t end) {
  original<TernaryKernel>->product(p, begin, end);
  p.out[(p.n - 1) * p.out_stride + end - begin - 1] ^= 1;
}
void wrong_rows(const NeuronProduct& p, size_t begin, size_t end) {
  original<NeuronKernel>->up_all(p, begin, end);
  p.out[0] += 1;
}
void wrong_columns(const NeuronProduct& p, size_t begin, size_t end) {
  original<NeuronKernel>->down_all(p, begin, end);
  p.out[end - begin - 1] -= 1;
}
void wrong_dense(const DenseProduct& p, size_t begin, size_t end) {
  original<DenseKernel>->product[kDenseQ8_0](p, begin, end);
  p.out[0] *= 1.0000002f;
}
void wrong_prefilter(const PrefilterProduct& p, size_t begin, size_t end) {
  original<PrefilterKernel>->product(p, begin, end);
  p.out[0] += 128.0f;
}
void wrong_silu(const float* g, const float* u, size_t count, float* y) {
  original<VectorKernel>->silu_mul(g, u, count, y);
  y[count - 1] *= 1.0000002f;
}
void wrong_gelu(const float* g, const float* u, size_t count, float* y) {
  original<VectorKernel>->gelu_tanh_mul(g, u, count, y);
  y[0] *= 1.0000002f;
}

} // namespace

TEST("every usable kernel passes the self-test") {
  const uint32_t features = detect_cpu_features();
  std::vector<KernelVerdict> verdicts;
  CHECK(self_test(features, &verdicts).ok(), "status");
  const size_t count =
      usable_ternary_kernels(features).size() + usable_group_kernels(features).size() +
      usable_neuron_kernels(features).size() + usable_dense_kernels(features).size() +
      usable_prefilter_kernels(features).size() + usable_vector_kernels(features).size();
  CHECK_EQ(verdicts.size(), count, "verdicts");
  for (const KernelVerdict& verdict : verdicts)
    CHECK_EQ(verdict.wrong, "", verdict.family + " " + verdict.name);
}

TEST("the self-test notices one wrong value of each kind of kernel") {
  const TernaryKernel& ternary = *(original<TernaryKernel> = usable_ternary_kernels(0).front());
  TernaryKernel broken = ternary;
  broken.product = wrong_ternary;
  CHECK_EQ(check_kernel(ternary), "", "ternary");
  CHECK(check_kernel(broken).find("product of ") == 0, check_kernel(broken));

  GroupKernel groups = *(original<GroupKernel> = usable_group_kernels(0).front());
  groups.product = wrong_groups;
  CHECK(check_kernel(groups).find("product with groups of 64 ") == 0, check_kernel(groups));

  NeuronKernel neurons = *(original<NeuronKernel> = usable_neuron_kernels(0).front());
  neurons.up_all = wrong_rows;
  CHECK(check_kernel(neurons).find("rows: element 0 ") == 0, check_kernel(neurons));
  neurons = *original<NeuronKernel>;
  neurons.down_all = wrong_columns;
  CHECK(check_kernel(neurons).find("columns: element ") == 0, check_kernel(neurons));

  const DenseKernel& scalar = *(original<DenseKernel> = usable_dense_kernels(0).front());
  DenseKernel dense = scalar;
  dense.product.q8_0 = wrong_dense;
  CHECK(check_kernel(dense, scalar).find("product of type 3 ") == 0, check_kernel(dense, scalar));

  PrefilterKernel prefilter = *(original<PrefilterKernel> = usable_prefilter_kernels(0).front());
  prefilter.product = wrong_prefilter;
  CHECK(check_kernel(prefilter).find("product of 1 vectors: element 0 ") == 0,
        check_kernel(prefilter));

  const VectorKernel& exact = *(original<VectorKernel> = usable_vector_kernels(0).front());
  VectorKernel vector = exact;
  vector.silu_mul = wrong_silu;
  CHECK(!check_kernel(vector, exact).empty(), "silu");
  vector = exact;
  vector.gelu_tanh_mul = wrong_gelu;
  CHECK(!check_kernel(vector, exact).empty(), "gelu");
}
