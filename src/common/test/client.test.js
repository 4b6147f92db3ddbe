import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Dependency, HttpError } from '../index.js'
import { answerJson, startStandIn } from './support.js'

async function failure(call) {
  const error = await call.then(() => assert.fail('the call succeeded'), (reason) => reason)
  assert.ok(error instanceof HttpError, error)
  return { status: error.status, error: error.error, message: error.message }
}

async function dependencyAnswering(t, answer, timeoutMs = 2000) {
  const standIn = await startStandIn(t, answer)
  return { standIn, dependency: new Dependency({ name: 'payments', url: `${standIn.url}/base/`, timeoutMs }) }
}

test('a call reaches the path under the base URL and gives the JSON answer', async (t) => {
  const { standIn, dependency } = await dependencyAnswering(t, answerJson(201, { id: 'p' }))
  assert.deepEqual(await dependency.request('POST', '/?a=1', { 'x-request-id': 'r' }, { amount: 1 }), { id: 'p' })
  assert.equal(standIn.seen[0].url, '/base/?a=1')
  assert.partialDeepStrictEqual(standIn.seen[0].headers, {
    'x-request-id': 'r', 'content-type': 'application/json', 'content-length': '12', connection: 'keep-alive',
  })
})

test('an answer other than success is a 502 that names it', async (t) => {
  const { dependency } = await dependencyAnswering(t, answerJson(503, {}))
  assert.deepEqual(await failure(dependency.request('GET', '/', {})), {
    status: 502, error: 'dependency_failed', message: 'payments answered 503.',
  })
})

test('no answer in time is a 504, whether nothing comes or the body stops half way', async (t) => {
  const halfWay = (request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{"half":')
  }
  for (const answer of [() => {}, halfWay]) {
    const { dependency } = await dependencyAnswering(t, answer, 60)
    assert.deepEqual(await failure(dependency.request('GET', '/', {})), {
      status: 504, error: 'dependency_timeout', message: 'payments did not answer within 60 ms.',
    })
  }
})

test('a dependency that is not there, hangs up or talks nonsense is a 502', async (t) => {
  const absent = new Dependency({ name: 'payments', url: 'http://127.0.0.1:9', timeoutMs: 2000 })
  assert.equal((await failure(absent.request('GET', '/', {}))).message, 'payments could not be reached: ECONNREFUSED.')
  for (const [answer, message] of [
    [(request) => request.socket.destroy(), 'payments could not be reached: ECONNRESET.'],
    [(request, response) => response.end('<html>'), 'payments answered with something that is not JSON.'],
    [(request, response) => response.end('x'.repeat(2 ** 21)), 'payments answered with more than 1048576 bytes.'],
  ]) {
    const { dependency } = await dependencyAnswering(t, answer)
    assert.partialDeepStrictEqual(await failure(dependency.request('GET', '/', {})), { status: 502, message })
  }
})
