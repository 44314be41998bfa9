/** Numbers of `general.file_type`, which only describes a file, by the type that most of its weights have. */
export const fileTypes = {
  ...{ F32: 0, F16: 1, BF16: 32, Q4_0: 2, Q8_0: 7, Q6_K: 18, IQ4_NL: 25 },
  ...{ TQ1_0: 36, TQ2_0: 37, I2_S: 40, Q2_0: 41 },
} as const;
