import { type Config, describe } from './config/config.js';
import { isOneBit } from './families.js';

/**
 * How the weights of linear layers come about:
 * 'multiply' and 'divide' unpack trits and multiply or divide them by a scale beside them, 'absmean' rounds the weights that
 * the model was trained with, 'stored' takes weights as they are, ternary or not.
 */
export type ScaleRule = 'multiply' | 'divide' | 'absmean' | 'stored';

/** A rule and where it is known from. */
export interface ScaleDecision {
  readonly rule: ScaleRule;
  readonly reason: string;
  /** Parts of the names of layers that are no ternary ones. */
  readonly except: readonly string[];
}

/** A rule in words, w for a weight and t for its trit. */
export const ruleText: Readonly<Record<ScaleRule, string>> = {
  multiply: 't · weight_scale',
  divide: 't / weight_scale',
  absmean: 'absmean: s = max(mean |w|, 1e-5), t = round(w / s) from −1 to 1, then t · s',
  stored: 'as they are',
};

/**
 * The rule of a checkpoint: of two that look the same, one stores scales and the other their reciprocals.
 *
 * @param projectionNorms whether each linear layer has a norm of its own
 * @throws ERR_BITNET_MODEL for a quantization that is not known
 */
export function decideScaleRule(config: Config, projectionNorms: boolean): ScaleDecision {
  const quantization = config.part('quantization_config');
  if (quantization !== undefined) return quantizedRule(quantization);
  const decided = (rule: ScaleRule, reason: string) => ({ rule, reason, except: [] });
  if (isOneBit(config)) {
    return decided(
      'absmean',
      'config.json says weight_bits 1 and input_bits 8, as models of 1bitLLM do',
    );
  }
  if (projectionNorms) {
    const reason = 'models with a norm before every projection are the BitNet embedding models';
    return decided('absmean', reason);
  }
  return decided('stored', 'config.json says nothing of a quantization');
}

function quantizedRule(quantization: Config): ScaleDecision {
  const { linearClass, mode } = bitnetQuantization(quantization);
  const except = quantization.texts('modules_to_not_convert');
  const says = `quantization_config says quant_method bitnet, ${linearClass ?? 'no linear_class'}`;
  if (linearClass !== 'autobitlinear') {
    if (mode === 'offline') return { rule: 'divide', reason: says, except };
    const expected = '"offline" where linear_class is not "autobitlinear"';
    throw quantization.error('quantization_mode', expected, `"${mode}"`, unknown);
  }
  const rule = mode === 'offline' ? 'multiply' : 'absmean';
  return { rule, reason: `${says}, ${mode}`, except };
}

function bitnetQuantization(quantization: Config) {
  quantization.text('quant_method', ['bitnet']);
  const linearClass = quantization.has('linear_class')
    ? quantization.text('linear_class', ['bitlinear', 'autobitlinear'])
    : undefined;
  const mode = quantization.text('quantization_mode', ['offline', 'online'], 'offline');
  const key = 'use_rms_norm';
  if (quantization.flag(key, false)) {
    const found = `${describe(quantization.get(key))}, a norm inside every linear layer`;
    throw quantization.error(key, 'false', found, unknown);
  }
  return { linearClass, mode };
}

const unknown = 'models like this cannot be converted yet';
