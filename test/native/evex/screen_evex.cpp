// screen_avxvnni.cpp in the encoding of AVX-512, under another name.
#define kScreenAvxVnni kScreenEvex
#include "kernels/screen/screen_avxvnni.cpp"
