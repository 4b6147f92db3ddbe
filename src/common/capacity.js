// What one replica can carry: a few workers, a service time per request, a bounded FIFO queue.
//
// Service is emulated with timers, so a replica is "busy" without using a core. Completions are computed in
// virtual time: a worker that should have been free at 12.0 ms takes its next request at 12.0 ms, however late
// the timer fired. Lateness therefore never accumulates and the throughput is that of the configured times.

// Timers tick in whole milliseconds. Accepting a completion up to half a tick early centres the error on zero.
const HALF_TICK_MS = 0.5

const realClock = {
  now: () => performance.now(),
  after: (delayMs, callback) => setTimeout(callback, delayMs),
  cancel: (timer) => clearTimeout(timer),
}

export class Capacity {
  #clock
  #sampleMs
  #slowdown = () => 1
  #serving = [] // {startMs, finishMs, done}: at most `workers`
  #queue = [] // {arrivalMs, done}: at most `queueLimit`
  #servedMs = 0
  #timer = null
  #timerAtMs = Infinity

  /** Requests refused because the queue was full. */
  shed = 0

  constructor({ workers, queueLimit, sampleMs, slowdown, clock = realClock }) {
    this.workers = workers
    this.queueLimit = queueLimit
    this.#sampleMs = sampleMs
    if (slowdown) this.#slowdown = slowdown
    this.#clock = clock
  }

  /** Call `done` when the request has been served; answer false, and never call it, when there is no room. */
  submit(done) {
    const now = this.#clock.now()
    const finished = this.#advance(now)
    const admitted = this.#admit(now, done)
    finished.push(...this.#advance(now))
    this.#arm(now)
    for (const callback of finished) callback()
    return admitted
  }

  /** The state at this moment; `busySeconds` is the integral of busy workers over time. */
  snapshot() {
    const now = this.#clock.now()
    const finished = this.#advance(now)
    this.#arm(now)
    let busyMs = this.#servedMs
    for (const job of this.#serving) busyMs += Math.max(0, now - job.startMs)
    for (const callback of finished) callback()
    return { busy: this.#serving.length, queued: this.#queue.length, busySeconds: busyMs / 1000 }
  }

  #admit(now, done) {
    if (this.#serving.length < this.workers) {
      this.#start(now, done)
    } else if (this.#queue.length < this.queueLimit) {
      this.#queue.push({ arrivalMs: now, done })
    } else {
      this.shed++
      return false
    }
    return true
  }

  #start(startMs, done) {
    this.#serving.push({ startMs, finishMs: startMs + this.#sampleMs() * this.#slowdown(), done })
  }

  /** Finish everything due by `now`, in order, handing each freed worker to the head of the queue. */
  #advance(now) {
    const finished = []
    for (;;) {
      const index = this.#earliest()
      if (index < 0 || this.#serving[index].finishMs > now + HALF_TICK_MS) return finished
      const [job] = this.#serving.splice(index, 1)
      this.#servedMs += job.finishMs - job.startMs
      finished.push(job.done)
      const next = this.#queue.shift()
      if (next) this.#start(Math.max(next.arrivalMs, job.finishMs), next.done)
    }
  }

  #earliest() {
    let earliest = -1
    for (let i = 0; i < this.#serving.length; i++) {
      if (earliest < 0 || this.#serving[i].finishMs < this.#serving[earliest].finishMs) earliest = i
    }
    return earliest
  }

  /** Keep one timer, set for the earliest completion. */
  #arm(now) {
    const index = this.#earliest()
    const atMs = index < 0 ? Infinity : this.#serving[index].finishMs
    if (atMs === this.#timerAtMs) return
    if (this.#timer !== null) this.#clock.cancel(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = atMs === Infinity ? null : this.#clock.after(atMs - now, () => this.#tick())
  }

  #tick() {
    this.#timer = null
    this.#timerAtMs = Infinity
    const now = this.#clock.now()
    const finished = this.#advance(now)
    this.#arm(now)
    for (const callback of finished) callback()
  }
}
