// The AVX-VNNI kernels for machines that have VPDPBUSD on 256-bit registers only as AVX-512
// instruction: the same source in the other encoding, so that tests and benchmarks can run it.
#pragma once
#include <stdint.h>

#include <vector>

#include "kernels/kernels.h"

/** The ISA "avxvnni-evex" that these CpuFeature bits can run; the engine never uses it. */
std::vector<const bitnet::TernaryKernel*> evex_ternary_kernels(uint32_t features);
std::vector<const bitnet::PrefilterKernel*> evex_prefilter_kernels(uint32_t features);
std::vector<const bitnet::NeuronKernel*> evex_neuron_kernels(uint32_t features);
