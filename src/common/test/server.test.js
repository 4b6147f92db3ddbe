import assert from 'node:assert/strict'
import { test } from 'node:test'

import { buildService, readConfig } from '../index.js'
import { eventually, FAST, sample } from './support.js'

const CHAOS = { CHAOS_ENABLED: 'true', MARSKIT_CHAOS_TOKEN: 'secret' }
const TOKEN = { authorization: 'Bearer secret' }

const schema = {
  body: { type: 'object', additionalProperties: false, required: ['n'], properties: { n: { type: 'integer', minimum: 1 } } },
}

/** A service with one route that answers with what it was sent. */
function echo(t, env = {}) {
  const app = buildService(readConfig({ ...FAST, ...env }, 'echo'), (routes) => {
    routes.post('/', { schema }, async (request) => request.body)
    routes.get('/things/:id', async (request) => request.params)
    routes.get('/broken', async () => { throw new Error('a bug') })
  })
  t.after(() => app.close())
  return app
}

const post = (app, payload, headers = {}) => app.inject({ method: 'POST', url: '/', payload, headers })
const metrics = async (app) => (await app.inject('/metrics')).body
/** Seconds of service, to the microsecond: they are sums of differences of clock readings. */
const busySeconds = async (app) => Number(sample(await metrics(app), 'service_busy_seconds_total').toFixed(6))
const json = { 'content-type': 'application/json' }

for (const [what, payload, headers, status, message] of [
  ['a missing field', {}, {}, 400, 'body must have "n".'],
  ['an unknown field', { n: 1, m: 2 }, {}, 400, 'body must not have "m".'],
  ['a number as text', { n: '1' }, {}, 400, 'body.n must be integer, found "1".'],
  ['a number too small', { n: 0 }, {}, 400, 'body.n must be >= 1, found 0.'],
  ['an array', [1], {}, 400, 'body must be object, found [1].'],
  ['a long wrong value', { n: 'x'.repeat(1000) }, {}, 400, `body.n must be integer, found "${'x'.repeat(59)}....`],
  ['broken JSON', '{"n":', json, 400, 'The body is not valid JSON.'],
  ['an empty body', '', json, 400, 'The body is empty; a JSON object is expected.'],
  ['another media type', 'n=1', { 'content-type': 'text/plain' }, 415, 'The body must be application/json.'],
  ['a huge body', `{"n":1${' '.repeat(70_000)}}`, json, 413, 'The body is too large.'],
]) {
  test(`${what} is answered with ${status} and one sentence, and takes no worker`, async (t) => {
    const app = echo(t)
    const answer = await post(app, payload, headers)
    assert.equal(answer.statusCode, status)
    assert.partialDeepStrictEqual(answer.json(), { status, message })
    assert.equal(await busySeconds(app), 0)
  })
}

test('unknown routes, methods and paths that cannot be decoded are 4xx in the same shape', async (t) => {
  const app = echo(t)
  const unknown = await app.inject('/nowhere?x=1')
  assert.deepEqual(unknown.json(), { status: 404, error: 'not_found', message: 'There is no route GET /nowhere.' })
  assert.equal((await app.inject({ method: 'DELETE', url: '/' })).statusCode, 404)
  const broken = await app.inject('/%zz')
  assert.equal(broken.statusCode, 400)
  assert.deepEqual(broken.json(), { status: 400, error: 'invalid_path', message: 'The path /%zz cannot be decoded.' })
  const long = await app.inject(`/things/${'x'.repeat(200)}`)
  assert.equal(long.statusCode, 414)
  assert.match(long.json().message, /^The path \/things\/x+\.\.\. is too long\.$/)
})

test('a bug is a 500 that tells the caller nothing about the inside', async (t) => {
  const answer = await echo(t).inject('/broken')
  assert.equal(answer.statusCode, 500)
  assert.equal(answer.json().error, 'internal_error')
  assert.ok(!answer.body.includes('a bug'))
})

test('every answer returns the request id', async (t) => {
  const app = echo(t)
  const given = await post(app, { n: 1 }, { 'x-request-id': 'mine' })
  assert.equal(given.headers['x-request-id'], 'mine')
  const refused = await app.inject('/nowhere')
  assert.match(refused.headers['x-request-id'], /^[0-9a-f-]{36}$/)
})

test('health says who it is, readiness turns with draining', async (t) => {
  const app = echo(t, { SERVICE_VERSION: 'v2' })
  assert.deepEqual((await app.inject('/healthz')).json(), { status: 'ok', service: 'echo', version: 'v2' })
  assert.equal((await app.inject('/readyz')).statusCode, 200)
  app.draining = true
  const draining = await app.inject('/readyz')
  assert.equal(draining.statusCode, 503)
  assert.equal(draining.json().message, 'echo is draining.')
  assert.equal((await app.inject('/healthz')).statusCode, 200)
  assert.equal((await post(app, { n: 1 })).headers.connection, 'close')
})

test('metrics show capacity and requests, but not probes and scrapes', async (t) => {
  const app = echo(t, { WORKERS: '3', QUEUE_LIMIT: '7', SERVICE_TIME_MS: '5' })
  for (let i = 0; i < 4; i++) await post(app, { n: 1 })
  await post(app, { n: 0 })
  await app.inject('/nowhere')
  await app.inject('/healthz')
  await app.inject('/readyz')
  const text = await metrics(app)
  assert.equal(sample(text, 'service_workers'), 3)
  assert.equal(sample(text, 'service_workers_busy'), 0)
  assert.equal(sample(text, 'service_queue_length'), 0)
  assert.equal(sample(text, 'service_queue_limit'), 7)
  assert.equal(sample(text, 'service_shed_total'), 0)
  assert.equal(await busySeconds(app), 0.02)
  const count = (labels) => sample(text, `http_request_duration_seconds_count{${labels}}`)
  assert.equal(count('method="POST",route="/",status="200"'), 4)
  assert.equal(count('method="POST",route="/",status="400"'), 1)
  assert.equal(count('method="GET",route="unmatched",status="404"'), 1)
  assert.equal(text.match(/_seconds_count\{/g).length, 3)
  const sum = sample(text, 'http_request_duration_seconds_sum{method="POST",route="/",status="200"}')
  assert.ok(sum >= 4 * 0.0045 && sum < 1, `sum ${sum}`)
})

test('an overloaded replica serves what fits, refuses the rest at once and says when to come back', async (t) => {
  const app = echo(t, { WORKERS: '1', QUEUE_LIMIT: '2', SERVICE_TIME_MS: '50' })
  const pending = Array.from({ length: 6 }, () => post(app, { n: 1 }))
  await eventually(async () => sample(await metrics(app), 'service_shed_total') === 3)
  assert.equal(sample(await metrics(app), 'service_workers_busy'), 1)
  assert.equal(sample(await metrics(app), 'service_queue_length'), 2)
  const answers = await Promise.all(pending)
  assert.deepEqual(answers.map((answer) => answer.statusCode).sort(), [200, 200, 200, 503, 503, 503])
  const refused = answers.find((answer) => answer.statusCode === 503)
  assert.equal(refused.headers['retry-after'], '1')
  assert.deepEqual(refused.json(), {
    status: 503, error: 'overloaded', message: 'echo has all workers (1) busy and a full queue (2).',
  })
})

test('chaos is not there unless enabled and given a token', async (t) => {
  for (const env of [{}, { CHAOS_ENABLED: 'true' }, { MARSKIT_CHAOS_TOKEN: 'secret' }, { CHAOS_ENABLED: 'true', MARSKIT_CHAOS_TOKEN: '' }]) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      for (const headers of [{}, { authorization: 'Bearer secret' }, { authorization: 'Bearer ' }, { authorization: 'Bearer undefined' }]) {
        const payload = method === 'PUT' ? {} : undefined
        assert.equal((await echo(t, env).inject({ method, url: '/chaos', headers, payload })).statusCode, 404)
      }
    }
  }
})

test('chaos is only for those with the token', async (t) => {
  const app = echo(t, CHAOS)
  for (const authorization of [undefined, '', 'secret', 'Bearer', 'Bearer ', 'Bearer secre', 'Bearer secret2', 'bearer secret', 'Basic secret', 'Bearer Secret']) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const headers = authorization === undefined ? {} : { authorization }
      const payload = method === 'PUT' ? { error_percent: 100 } : undefined
      const answer = await app.inject({ method, url: '/chaos', headers, payload })
      assert.equal(answer.statusCode, 401)
      assert.deepEqual(answer.json(), { status: 401, error: 'unauthorized', message: 'Faults need the token of the run.' })
      assert.ok(!answer.body.includes('secret'))
    }
  }
  assert.equal((await post(app, { n: 1 })).statusCode, 200)
  const settings = await app.inject({ url: '/chaos', headers: TOKEN })
  assert.deepEqual(settings.json(), { slowdown: 1, error_percent: 0 })
})

test('chaos slows down, fails the share it was told to, and goes away', async (t) => {
  const app = echo(t, { ...CHAOS, SERVICE_TIME_MS: '1', WORKERS: '100', SEED: '1' })
  const put = (payload) => app.inject({ method: 'PUT', url: '/chaos', headers: TOKEN, payload })
  assert.deepEqual((await app.inject({ url: '/chaos', headers: TOKEN })).json(), { slowdown: 1, error_percent: 0 })

  assert.deepEqual((await put({ slowdown: 20 })).json(), { slowdown: 20, error_percent: 0 })
  await post(app, { n: 1 })
  assert.equal(await busySeconds(app), 0.02)

  await put({ error_percent: 30 })
  const answers = await Promise.all(Array.from({ length: 400 }, () => post(app, { n: 1 })))
  const failed = answers.filter((answer) => answer.statusCode === 500)
  assert.ok(failed.length > 90 && failed.length < 150, `${failed.length} of 400 failed`)
  assert.equal(failed[0].json().error, 'injected_error')

  assert.deepEqual((await app.inject({ method: 'DELETE', url: '/chaos', headers: TOKEN })).json(), { slowdown: 1, error_percent: 0 })
  assert.equal((await post(app, { n: 1 })).statusCode, 200)
  assert.equal((await put({ slowdown: 0.5 })).json().message, 'body.slowdown must be >= 1, found 0.5.')
  assert.equal((await put({ error_percent: 101 })).json().message, 'body.error_percent must be <= 100, found 101.')
})

test('the same seed and replica fail the same requests', async (t) => {
  async function outcomes(env) {
    const app = echo(t, { ...CHAOS, SERVICE_TIME_MS: '0', ...env })
    await app.inject({ method: 'PUT', url: '/chaos', headers: TOKEN, payload: { error_percent: 50 } })
    const statuses = []
    for (let i = 0; i < 40; i++) statuses.push((await post(app, { n: 1 })).statusCode)
    return statuses
  }
  const first = await outcomes({ SEED: '5', REPLICA: 'a' })
  assert.deepEqual(await outcomes({ SEED: '5', REPLICA: 'a' }), first)
  assert.notDeepEqual(await outcomes({ SEED: '5', REPLICA: 'b' }), first)
})
