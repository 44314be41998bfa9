// units_avxvnni.cpp in the encoding of AVX-512, under another name.
#define kUnitsAvxVnni kUnitsEvex
#include "kernels/ternary/units_avxvnni.cpp"
