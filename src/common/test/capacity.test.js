import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Capacity } from '../capacity.js'
import { seededRandom, serviceTimeSampler } from '../random.js'

/** Time that moves only when told to; its timers fire `lateMs` after they were due. */
class VirtualClock {
  time = 0
  timers = new Set()

  constructor(lateMs = 0) {
    this.lateMs = lateMs
  }

  now() {
    return this.time
  }

  after(delayMs, callback) {
    const timer = { at: this.time + Math.max(0, delayMs) + this.lateMs, callback }
    this.timers.add(timer)
    return timer
  }

  cancel(timer) {
    this.timers.delete(timer)
  }

  runTo(time) {
    for (;;) {
      const due = [...this.timers].filter((timer) => timer.at <= time).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.timers.delete(due)
      this.time = due.at
      due.callback()
    }
    this.time = time
  }
}

function replica({ workers = 1, queueLimit = 100, serviceMs = 10, lateMs = 0, slowdown }) {
  const clock = new VirtualClock(lateMs)
  const sampleMs = typeof serviceMs === 'function' ? serviceMs : () => serviceMs
  return { clock, capacity: new Capacity({ workers, queueLimit, sampleMs, slowdown, clock }) }
}

test('no more requests are served at once than there are workers, the others wait', () => {
  const { clock, capacity } = replica({ workers: 2 })
  for (let i = 0; i < 5; i++) capacity.submit(() => {})
  assert.partialDeepStrictEqual(capacity.snapshot(), { busy: 2, queued: 3 })
  clock.runTo(15)
  assert.partialDeepStrictEqual(capacity.snapshot(), { busy: 2, queued: 1 })
  clock.runTo(30)
  assert.partialDeepStrictEqual(capacity.snapshot(), { busy: 0, queued: 0, busySeconds: 0.05 })
})

test('waiting requests are served in the order they came', () => {
  const { clock, capacity } = replica({ workers: 2 })
  const served = []
  for (let i = 0; i < 9; i++) capacity.submit(() => served.push(i))
  clock.runTo(100)
  assert.deepEqual(served, [0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('a full queue refuses at once, counts it, and never serves the refused', () => {
  const { clock, capacity } = replica({ queueLimit: 2 })
  const served = []
  const admitted = [0, 1, 2, 3, 4].map((i) => capacity.submit(() => served.push(i)))
  assert.deepEqual(admitted, [true, true, true, false, false])
  assert.equal(capacity.shed, 2)
  clock.runTo(1000)
  assert.deepEqual(served, [0, 1, 2])
  assert.equal(capacity.submit(() => {}), true)
})

test('without a queue only free workers admit', () => {
  const { capacity } = replica({ workers: 1, queueLimit: 0 })
  assert.equal(capacity.submit(() => {}), true)
  assert.equal(capacity.submit(() => {}), false)
})

test('late timers delay an answer but not the capacity', () => {
  const { clock, capacity } = replica({ serviceMs: 10, lateMs: 7 })
  let lastAtMs
  for (let i = 0; i < 100; i++) capacity.submit(() => { lastAtMs = clock.now() })
  clock.runTo(2000)
  // 100 requests of 10 ms: 1000 ms, plus one lateness at the end instead of a hundred.
  assert.ok(lastAtMs >= 1000 && lastAtMs <= 1007, `finished at ${lastAtMs}`)
  assert.equal(capacity.snapshot().busySeconds, 1)
})

test('a request that arrives after a worker was due to be free does not queue behind a late timer', () => {
  const { clock, capacity } = replica({ queueLimit: 0, lateMs: 50 })
  const servedAtMs = []
  capacity.submit(() => servedAtMs.push(clock.now()))
  clock.runTo(20)
  assert.equal(capacity.submit(() => servedAtMs.push(clock.now())), true)
  assert.deepEqual(servedAtMs, [20])
})

test('busy time counts requests that are still being served', () => {
  const { clock, capacity } = replica({ workers: 2, serviceMs: 100 })
  capacity.submit(() => {})
  clock.runTo(30)
  capacity.submit(() => {})
  clock.runTo(50)
  assert.equal(capacity.snapshot().busySeconds, (50 + 20) / 1000)
})

test('a slowdown holds for the requests that start under it', () => {
  let factor = 1
  const { clock, capacity } = replica({ slowdown: () => factor })
  const servedAtMs = []
  const submit = () => capacity.submit(() => servedAtMs.push(clock.now()))
  submit()
  submit()
  factor = 3
  clock.runTo(10)
  factor = 1
  submit()
  clock.runTo(100)
  assert.deepEqual(servedAtMs, [10, 40, 50])
})

test('a service time of 0 serves at once', () => {
  const { capacity } = replica({ serviceMs: 0 })
  let served = 0
  for (let i = 0; i < 1000; i++) capacity.submit(() => served++)
  assert.equal(served, 1000)
})

test('Poisson arrivals on exponential service wait as queueing theory says (M/M/2 at 80 %)', () => {
  const serviceMs = serviceTimeSampler({ distribution: 'exponential', meanMs: 10 }, seededRandom('mm2/service'))
  const { clock, capacity } = replica({ workers: 2, queueLimit: Infinity, serviceMs })
  const arrivals = seededRandom('mm2/arrivals')
  const requests = 100_000
  let totalMs = 0
  let served = 0
  for (let i = 0, at = 0; i < requests; i++) {
    at += -Math.log(1 - arrivals()) * (10 / 2 / 0.8)
    clock.runTo(at)
    capacity.submit(() => {
      totalMs += clock.now() - at
      served++
    })
  }
  clock.runTo(clock.now() + 10_000)
  assert.equal(served, requests)
  // Erlang C: the mean response time of M/M/2 is the service time / (1 - utilisation^2).
  const expectedMs = 10 / (1 - 0.8 ** 2)
  assert.ok(Math.abs(totalMs / requests - expectedMs) < 0.04 * expectedMs, `${totalMs / requests} against ${expectedMs}`)
})
