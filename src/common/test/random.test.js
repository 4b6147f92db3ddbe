import assert from 'node:assert/strict'
import { test } from 'node:test'

import { seededRandom, serviceTimeSampler } from '../random.js'

const DRAWS = 100_000

function moments(sampler) {
  let sum = 0
  let squares = 0
  for (let i = 0; i < DRAWS; i++) {
    const value = sampler()
    sum += value
    squares += value * value
  }
  const mean = sum / DRAWS
  return { mean, cv: Math.sqrt(squares / DRAWS - mean * mean) / mean }
}

function near(actual, expected, tolerance) {
  assert.ok(Math.abs(actual - expected) <= tolerance * expected, `${actual} is not within ${tolerance} of ${expected}`)
}

for (const [distribution, cv] of [['lognormal', 0.2], ['lognormal', 0.5], ['lognormal', 1], ['exponential', 1]]) {
  test(`${distribution} service times with CV ${cv} have the mean and CV they were asked for`, () => {
    const sampler = serviceTimeSampler({ distribution, meanMs: 20, cv }, seededRandom('moments'))
    const found = moments(sampler)
    near(found.mean, 20, 0.01)
    near(found.cv, cv, 0.03)
  })
}

test('constant service times do not vary, nor do lognormal ones with CV 0', () => {
  const random = seededRandom('constant')
  assert.equal(serviceTimeSampler({ distribution: 'constant', meanMs: 7 }, random)(), 7)
  near(serviceTimeSampler({ distribution: 'lognormal', meanMs: 7, cv: 0 }, random)(), 7, 1e-12)
})

test('a mean of 0 is a service time of 0 in every distribution', () => {
  for (const distribution of ['lognormal', 'exponential', 'constant']) {
    assert.equal(Math.abs(serviceTimeSampler({ distribution, meanMs: 0, cv: 0.5 }, seededRandom('zero'))()), 0)
  }
})

test('the same seed repeats, another seed differs', () => {
  const take = (seed) => {
    const random = seededRandom(seed)
    return Array.from({ length: 5 }, random)
  }
  assert.deepEqual(take('7/orders/a'), take('7/orders/a'))
  assert.notDeepEqual(take('7/orders/a'), take('7/orders/b'))
})

test('uniform draws fill [0, 1) evenly', () => {
  const random = seededRandom('uniform')
  const tenths = new Array(10).fill(0)
  for (let i = 0; i < DRAWS; i++) tenths[Math.floor(random() * 10)]++
  for (const count of tenths) near(count, DRAWS / 10, 0.05)
})
