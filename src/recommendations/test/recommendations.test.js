import assert from 'node:assert/strict'
import { test } from 'node:test'

import { FAST } from '../../common/test/support.js'
import { createService } from '../recommendations.js'

function recommendations(t, env = {}) {
  const { app } = createService({ ...FAST, SERVICE_TIME_MS: '0', ...env })
  t.after(() => app.close())
  return async (url) => (await app.inject(url)).json()
}

test('each variant recommends its own things and says which variant and version it is', async (t) => {
  const seen = {}
  for (const variant of ['food', 'music']) {
    const get = recommendations(t, { VARIANT: variant, SERVICE_VERSION: `${variant}-1` })
    const answers = []
    for (let i = 0; i < 20; i++) answers.push(await get('/'))
    assert.deepEqual(new Set(answers.map((answer) => `${answer.variant} ${answer.version}`)), new Set([`${variant} ${variant}-1`]))
    seen[variant] = new Set(answers.map((answer) => answer.item))
    assert.equal(seen[variant].size, 8)
  }
  assert.ok(seen.food.isDisjointFrom(seen.music))
})

test('the same wish gets the same answer from every replica', async (t) => {
  const first = recommendations(t, { REPLICA: 'a' })
  const second = recommendations(t, { REPLICA: 'b' })
  const answers = new Set()
  for (let i = 0; i < 30; i++) {
    const answer = await first(`/?for=item-${i}`)
    assert.deepEqual(await second(`/?for=item-${i}`), answer)
    answers.add(answer.item)
  }
  assert.ok(answers.size > 4, `only ${answers.size} different things for 30 wishes`)
})

test('a query that is not understood is refused', async (t) => {
  const get = recommendations(t)
  assert.equal((await get('/?far=book')).message, 'query must not have "far".')
  assert.equal((await get('/?for=a&for=b')).message, 'query.for must be string, found ["a","b"].')
})
