// base3_avxvnni.cpp in the encoding of AVX-512, under another name.
#define kBase3AvxVnni kBase3Evex
#include "kernels/ternary/base3_avxvnni.cpp"
