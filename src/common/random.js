// Seeded randomness: the same seed and replica give the same service times and the same injected errors.

/** FNV-1a over UTF-16 code units: a stable 32-bit number for any text. */
export function hashText(text) {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/** sfc32: returns a function that gives uniform numbers in [0, 1). */
export function seededRandom(seedText) {
  let a = hashText(seedText)
  let b = hashText(`${seedText}/b`)
  let c = hashText(`${seedText}/c`)
  let counter = 1
  const next = () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum | 0
    return (sum >>> 0) / 0x1_0000_0000
  }
  // Similar seeds differ in few bits; the first rounds spread them over the whole state.
  for (let i = 0; i < 15; i++) next()
  return next
}

/** A sampler of service times in ms with the given mean. */
export function serviceTimeSampler({ distribution, meanMs, cv }, random) {
  switch (distribution) {
    case 'constant':
      return () => meanMs
    case 'exponential':
      return () => -meanMs * Math.log(1 - random())
    case 'lognormal': {
      const variance = Math.log(1 + cv * cv)
      const mu = Math.log(meanMs) - variance / 2
      const sigma = Math.sqrt(variance)
      return () => Math.exp(mu + sigma * standardNormal(random))
    }
    default:
      throw new TypeError(`unknown service time distribution ${distribution}`)
  }
}

function standardNormal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
