/** The latest records by id: when full, the oldest gives way, so memory is bounded whatever the load. */
export class RecentRecords {
  #records = new Map()

  constructor(limit) {
    this.limit = limit
  }

  get size() {
    return this.#records.size
  }

  add(id, record) {
    if (this.#records.size >= this.limit) this.#records.delete(this.#records.keys().next().value)
    this.#records.set(id, record)
  }

  get(id) {
    return this.#records.get(id)
  }

  /** Newest first. */
  latest() {
    return [...this.#records.values()].reverse()
  }
}
