// Chance that can be had again: everything that a scene leaves to it follows from one printed seed.

/** A generator of its own for each party, so that one that asks more often moves none of the others. */
export function chance(seed, party = '') {
  let state = seed >>> 0;
  for (const char of party) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193) >>> 0;
  const next = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    /** A whole number from low to high, both included. */
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
    /** True in one of n cases. */
    oneIn: (n) => next() * n < 1,
  };
}
