// neuron_avxvnni.cpp in the encoding of AVX-512, under another name.
#define kNeuronsAvxVnni kNeuronsEvex
#include "kernels/neuron/neuron_avxvnni.cpp"
