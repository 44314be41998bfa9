// prefilter_avxvnni.cpp in the encoding of AVX-512, under another name.
#define kPrefilterAvxVnni kPrefilterEvex
#include "kernels/prefilter/prefilter_avxvnni.cpp"
