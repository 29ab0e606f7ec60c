// How hard a block is to find. A hash, read as a number, must not exceed the target: half the
// target, twice the guesses. All of it is arithmetic over whole numbers, so that everybody gets the same.

/** "The hash starts with 0000": the target of the classics. */
export const FOUR_HEX_ZEROS = 2n ** 240n - 1n;

/** The target for hashes that start with this many zero bits. */
export const ofBits = bits => 2n ** (256n - BigInt(bits)) - 1n;

/** How many zero bits a hash at the target starts with at the least. */
export const bitsOf = target => 256 - target.toString(2).length;

/** How many guesses a block takes on average: what it weighs in the choice between branches. */
export const work = target => 2n ** 256n / (target + 1n);

/** A target as it stands in a block. */
export const targetHex = target => target.toString(16).padStart(64, "0");

/**
 * The target that the rules `sealed` expect of the block after `parent`: the first blocks have the
 * chain's initial target, every later one is an exponential step from its parent's, by how long
 * the parent took (the polynomial of aserti3-2d, Bitcoin Cash 2020).
 * Blocks here are { index, target, timestamp }; all numbers are BigInts.
 */
export function expectedTarget(parent, grandparent, params) {
  if (parent.index <= 2n) return params.initial_target;
  return nextTarget(parent.target, parent.timestamp - grandparent.timestamp, params);
}

/** One step, from the target of a block that took `solveMs` to that of the next. */
export function nextTarget(target, solveMs, { block_interval_ms, half_life_ms, pow_limit }) {
  // A pause counts as the half-life at the most: a chain that slept does not wake up with a burst.
  const counted = solveMs < half_life_ms ? solveMs : half_life_ms;
  // In 1/65536 of a doubling. BigInt division truncates toward zero; the shift rounds down.
  const exponent = ((counted - block_interval_ms) * 65536n) / half_life_ms;
  const doublings = exponent >> 16n;
  const f = exponent & 0xffffn;
  const factor = 65536n + ((195766423245049n * f + 971821376n * f ** 2n + 5127n * f ** 3n + 2n ** 47n) >> 48n);
  const next = ((target * factor) << doublings) >> 16n;
  if (next < 1n) return 1n;
  return next < pow_limit ? next : pow_limit;
}
