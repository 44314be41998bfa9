/** A counter does what energy cannot do, or cannot be read any more: nothing it says is used. The message is the reason. */
export class EnergyFault extends Error {
  override readonly name = 'EnergyFault';
}
