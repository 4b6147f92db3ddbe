import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'

import { eventually, sample, startProcess } from './support.js'

const SLOW = { SERVICE_TIME_MS: '400', WORKERS: '8' }

/** One request; resolves with its status and headers, rejects when the connection fails. */
function call(url, agent, method = 'GET', body = undefined) {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': 'application/json', 'content-length': body.length } : {}
    const request = http.request(url, { agent, method, headers }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

const pay = (url, agent) => call(url, agent, 'POST', '{"order_id":"o","amount":1}')

async function busy(url) {
  return sample(await (await fetch(`${url}/metrics`)).text(), 'service_workers_busy')
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} lets requests in flight finish, turns unready, refuses new connections and exits 0`, async (t) => {
    const agent = new http.Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    const service = await startProcess(t, 'payments', { ...SLOW, QUEUE_LIMIT: '8' })
    const inFlight = Array.from({ length: 12 }, () => pay(service.url, agent))
    await eventually(async () => (await busy(service.url)) === 8)
    service.child.kill(signal)
    await eventually(async () => (await call(`${service.url}/readyz`)).status === 503)
    const answers = await Promise.all(inFlight)
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([201]))
    assert.deepEqual(new Set(answers.map((answer) => answer.headers.connection)), new Set(['close']))
    await assert.rejects(call(`${service.url}/readyz`), { code: 'ECONNREFUSED' })
    assert.equal(await service.exited, 0)
    assert.equal(service.stderr, '')
  })
}

test('callers on busy connections are told to leave and lose nothing', async (t) => {
  const service = await startProcess(t, 'payments', { SERVICE_TIME_MS: '5', WORKERS: '16' })
  let answered = 0
  const callers = Array.from({ length: 8 }, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    for (;;) {
      const { status, headers } = await pay(service.url, agent)
      assert.equal(status, 201)
      answered++
      if (headers.connection === 'close') return
    }
  })
  await eventually(() => answered > 100)
  service.child.kill('SIGTERM')
  await Promise.all(callers)
  assert.equal(await service.exited, 0)
})

test('a drain that takes too long is cut off and says so', async (t) => {
  const service = await startProcess(t, 'payments', { ...SLOW, SERVICE_TIME_MS: '60000', DRAIN_TIMEOUT_MS: '150' })
  const lost = assert.rejects(pay(service.url, undefined), { code: 'ECONNRESET' })
  await eventually(async () => (await busy(service.url)) === 1)
  service.child.kill('SIGTERM')
  await lost
  assert.equal(await service.exited, 1)
  assert.match(service.log.at(-1).msg, /still in flight after 150 ms/)
})

test('a wrong setting is one sentence and exit 2', async (t) => {
  const service = await startProcess(t, 'recommendations', { VARIANT: 'poetry' })
  assert.equal(await service.exited, 2)
  assert.equal(service.stderr, 'VARIANT is "poetry"; one of food, music is allowed.\n')
  assert.deepEqual(service.log, [])
})

test('a port in use is one sentence and exit 1', async (t) => {
  const first = await startProcess(t, 'payments')
  const { port } = new URL(first.url)
  const second = await startProcess(t, 'payments', { PORT: port, LOG_LEVEL: 'warn' })
  assert.equal(await second.exited, 1)
  assert.equal(second.stderr, `payments cannot listen on 127.0.0.1:${port}: EADDRINUSE.\n`)
})

test('a log that nobody reads any more does not stop the service', async (t) => {
  const service = await startProcess(t, 'payments')
  service.child.stdout.destroy()
  for (let i = 0; i < 20; i++) assert.equal((await pay(service.url)).status, 201)
  service.child.kill('SIGTERM')
  assert.equal(await service.exited, 0)
})

test('an error nobody handles is logged and ends the process with 1', async (t) => {
  const bug = "data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('boom')})"
  const service = await startProcess(t, 'payments', { NODE_OPTIONS: `--import=${bug.replaceAll(' ', '%20')}` })
  service.child.kill('SIGUSR2')
  assert.equal(await service.exited, 1)
  assert.equal(service.log.at(-1).err.message, 'boom')
})
