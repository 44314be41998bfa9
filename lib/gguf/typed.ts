import type { GgufTyped } from './encode-header.js';

// Values of metadata with their types.

export const u32 = (value: number): GgufTyped => ({ type: 'u32', value });
export const f32 = (value: number): GgufTyped => ({ type: 'f32', value });
export const text = (value: string): GgufTyped => ({ type: 'string', value });
