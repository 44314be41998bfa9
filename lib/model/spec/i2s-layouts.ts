import { argumentError } from '../../checks/options.js';

/*
 * I2_S has been written in three orders of the same bytes, and nothing in a file tells which: the
 * sizes and the place of the scale are the same, and a wrong order gives trits as valid as the right
 * one, with the same statistics. So the caller may say it, and nobody guesses.
 */

/** An order in which programs have written I2_S. */
interface I2sLayoutFacts {
  /** The name of type and layout to native/formats. */
  readonly type: string;
  /** Elements, or rows, of which a matrix must have a multiple. */
  readonly unit: { readonly of: 'elements' | 'rows'; readonly count: number };
}

const layouts = {
  /** Blocks of 128 elements: bitnet.cpp on x86 and its converters, ik_llama.cpp, published files. */
  canonical: { type: 'I2_S', unit: { of: 'elements', count: 128 } },
  /** Blocks of 64 elements: bitnet.cpp's llama-quantize built for ARM since 2025-11-19. */
  arm64: { type: 'I2_S arm64', unit: { of: 'elements', count: 64 } },
  /** Four rows in a byte: bitnet.cpp built for x86 without ACT_PARALLEL. */
  rows4: { type: 'I2_S rows4', unit: { of: 'rows', count: 4 } },
} as const satisfies Record<string, I2sLayoutFacts>;

export type I2sLayout = keyof typeof layouts;

export const i2sLayouts = Object.keys(layouts) as readonly I2sLayout[];

export function i2sLayoutFacts(layout: I2sLayout): I2sLayoutFacts {
  return layouts[layout];
}

/** @throws ERR_BITNET_ARGUMENT when `layout` is none */
export function checkedI2sLayout(layout: unknown): I2sLayout | undefined {
  if (layout === undefined) return undefined;
  if (typeof layout === 'string' && (i2sLayouts as readonly string[]).includes(layout)) {
    return layout as I2sLayout;
  }
  const names = i2sLayouts.map((name) => `'${name}'`);
  throw argumentError(
    `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`,
    'option i2sLayout',
    layout,
  );
}
