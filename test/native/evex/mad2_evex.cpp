// mad2_avxvnni.cpp in the encoding of AVX-512, under another name.
#define kMad2AvxVnni kMad2Evex
#include "kernels/ternary/mad2_avxvnni.cpp"
