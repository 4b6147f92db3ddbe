import assert from 'node:assert/strict'
import { test } from 'node:test'

import { RecentRecords } from '../recent.js'

test('only the latest records are kept, newest first', () => {
  const records = new RecentRecords(3)
  for (let i = 0; i < 10_000; i++) records.add(`id-${i}`, i)
  assert.equal(records.size, 3)
  assert.deepEqual(records.latest(), [9999, 9998, 9997])
  assert.equal(records.get('id-9997'), 9997)
  assert.equal(records.get('id-9996'), undefined)
})
