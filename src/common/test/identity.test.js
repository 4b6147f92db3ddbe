import assert from 'node:assert/strict'
import { test } from 'node:test'

import { identityOf } from '../index.js'

test('an identity is a UUID that follows from kind and key', () => {
  assert.match(identityOf('order', 'a'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(identityOf('order', 'a'), identityOf('order', 'a'))
  assert.notEqual(identityOf('order', 'a'), identityOf('order', 'b'))
  assert.notEqual(identityOf('order', 'a'), identityOf('payment', 'a'))
})
