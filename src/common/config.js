// All settings come from the environment, read once and checked before anything starts.
import { hostname } from 'node:os'

/** A setting is missing or wrong; the message is the one sentence a person needs. */
export class ConfigError extends Error {}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
const DISTRIBUTIONS = ['lognormal', 'exponential', 'constant']

class Environment {
  constructor(env) {
    this.env = env
  }

  text(name, fallback) {
    const value = this.env[name]
    return value === undefined || value === '' ? fallback : value
  }

  number(name, fallback, { min, max, integer = false }) {
    const text = this.text(name, undefined)
    if (text === undefined) return fallback
    const value = Number(text)
    if (!Number.isFinite(value) || value < min || value > max || (integer && !Number.isInteger(value))) {
      const kind = integer ? 'a whole number' : 'a number'
      throw new ConfigError(`${name} is "${text}"; ${kind} from ${min} to ${max} is allowed.`)
    }
    return value
  }

  oneOf(name, fallback, allowed) {
    const value = this.text(name, fallback)
    if (allowed.includes(value)) return value
    throw new ConfigError(`${name} is "${value}"; one of ${allowed.join(', ')} is allowed.`)
  }

  flag(name, fallback) {
    return this.oneOf(name, String(fallback), ['true', 'false']) === 'true'
  }

  httpUrl(name, fallback) {
    const value = this.text(name, fallback)
    if (!URL.canParse(value) || new URL(value).protocol !== 'http:') {
      throw new ConfigError(`${name} is "${value}"; an http:// URL is expected.`)
    }
    return value
  }
}

function serviceTime(environment) {
  const distribution = environment.oneOf('SERVICE_TIME_DISTRIBUTION', 'lognormal', DISTRIBUTIONS)
  const cv = environment.number('SERVICE_TIME_CV', undefined, { min: 0, max: 10 })
  if (cv !== undefined && distribution !== 'lognormal') {
    throw new ConfigError(
      `SERVICE_TIME_CV is set but SERVICE_TIME_DISTRIBUTION is ${distribution}; only lognormal has a free CV.`,
    )
  }
  const meanMs = environment.number('SERVICE_TIME_MS', 10, { min: 0, max: 600_000 })
  return { distribution, meanMs, cv: cv ?? 0.5 }
}

/**
 * Read what every service needs; `extend(environment)` adds what only one of them has.
 * Throws ConfigError for the first setting that is wrong.
 */
export function readConfig(env, service, extend = () => ({})) {
  const environment = new Environment(env)
  const replica = environment.text('REPLICA', environment.text('HOSTNAME', hostname()))
  return Object.freeze({
    service: environment.text('SERVICE_NAME', service),
    version: environment.text('SERVICE_VERSION', 'v1'),
    host: environment.text('HOST', '127.0.0.1'),
    port: environment.number('PORT', 8080, { min: 0, max: 65_535, integer: true }),
    logLevel: environment.oneOf('LOG_LEVEL', 'info', LOG_LEVELS),
    drainTimeoutMs: environment.number('DRAIN_TIMEOUT_MS', 5000, { min: 0, max: 600_000 }),
    chaosEnabled: environment.flag('CHAOS_ENABLED', false),
    chaosToken: environment.text('MARSKIT_CHAOS_TOKEN', undefined),
    workers: environment.number('WORKERS', 2, { min: 1, max: 1024, integer: true }),
    queueLimit: environment.number('QUEUE_LIMIT', 64, { min: 0, max: 100_000, integer: true }),
    serviceTime: serviceTime(environment),
    // Replicas must differ from each other and yet repeat from run to run.
    seed: `${environment.text('SEED', '0')}/${service}/${replica}`,
    ...extend(environment),
  })
}

/** What a service with dependencies needs on top: where they are and how long they may take. */
export function readDependencies(environment, names) {
  const timeoutMs = environment.number('DEPENDENCY_TIMEOUT_MS', 2000, { min: 1, max: 600_000 })
  const url = (name) => environment.httpUrl(`${name.toUpperCase()}_URL`, `http://${name}:8080`)
  return Object.fromEntries(names.map((name) => [name, { name, url: url(name), timeoutMs }]))
}
