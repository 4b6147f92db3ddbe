import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ConfigError, readConfig, readDependencies } from '../config.js'

test('without an environment the defaults are safe: loopback, no chaos', () => {
  const config = readConfig({}, 'orders')
  assert.partialDeepStrictEqual(config, { host: '127.0.0.1', port: 8080, chaosEnabled: false, workers: 2, service: 'orders' })
})

test('an empty setting is an absent one', () => {
  assert.equal(readConfig({ WORKERS: '' }, 'orders').workers, 2)
})

test('replicas of one seed differ, a replica repeats', () => {
  const seed = (env) => readConfig(env, 'orders').seed
  assert.notEqual(seed({ SEED: '1', REPLICA: 'a' }), seed({ SEED: '1', REPLICA: 'b' }))
  assert.notEqual(seed({ SEED: '1', REPLICA: 'a' }), seed({ SEED: '2', REPLICA: 'a' }))
  assert.equal(seed({ SEED: '1', HOSTNAME: 'orders-7' }), seed({ SEED: '1', REPLICA: 'orders-7' }))
})

test('dependencies are found by name unless told otherwise', () => {
  const { dependencies } = readConfig({ PAYMENTS_URL: 'http://127.0.0.1:9/x' }, 'orders', (environment) => ({
    dependencies: readDependencies(environment, ['payments', 'recommendations']),
  }))
  assert.equal(dependencies.payments.url, 'http://127.0.0.1:9/x')
  assert.equal(dependencies.recommendations.url, 'http://recommendations:8080')
  assert.equal(dependencies.payments.timeoutMs, 2000)
})

for (const [name, value, sentence] of [
  ['PORT', 'abc', 'PORT is "abc"; a whole number from 0 to 65535 is allowed.'],
  ['PORT', '70000', 'PORT is "70000"; a whole number from 0 to 65535 is allowed.'],
  ['WORKERS', '0', 'WORKERS is "0"; a whole number from 1 to 1024 is allowed.'],
  ['WORKERS', '1.5', 'WORKERS is "1.5"; a whole number from 1 to 1024 is allowed.'],
  ['QUEUE_LIMIT', '-1', 'QUEUE_LIMIT is "-1"; a whole number from 0 to 100000 is allowed.'],
  ['SERVICE_TIME_MS', 'Infinity', 'SERVICE_TIME_MS is "Infinity"; a number from 0 to 600000 is allowed.'],
  ['SERVICE_TIME_DISTRIBUTION', 'pareto', 'SERVICE_TIME_DISTRIBUTION is "pareto"; one of lognormal, exponential, constant is allowed.'],
  ['CHAOS_ENABLED', 'yes', 'CHAOS_ENABLED is "yes"; one of true, false is allowed.'],
  ['LOG_LEVEL', 'loud', 'LOG_LEVEL is "loud"; one of trace, debug, info, warn, error, fatal, silent is allowed.'],
]) {
  test(`${name}=${value} is refused in one sentence`, () => {
    assert.throws(() => readConfig({ [name]: value }, 'orders'), (error) => error instanceof ConfigError && error.message === sentence)
  })
}

test('a CV for a distribution that has none to choose is refused', () => {
  const env = { SERVICE_TIME_DISTRIBUTION: 'exponential', SERVICE_TIME_CV: '0.5' }
  assert.throws(() => readConfig(env, 'orders'), /SERVICE_TIME_CV is set but SERVICE_TIME_DISTRIBUTION is exponential/)
})

test('a dependency must be an http URL', () => {
  for (const url of ['payments:8080', 'https://payments', '//payments']) {
    const read = () => readConfig({ PAYMENTS_URL: url }, 'orders', (environment) => readDependencies(environment, ['payments']))
    assert.throws(read, new ConfigError(`PAYMENTS_URL is "${url}"; an http:// URL is expected.`))
  }
})
