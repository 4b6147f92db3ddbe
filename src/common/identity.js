// Ids that follow from what they are for: a request that the mesh sends again, to another replica, makes the
// same record again and not a second one. That is what lets a route replay a POST after a reset connection.
import { createHash } from 'node:crypto'

/** A UUID (version 8, RFC 9562) that is the same for the same kind and key, in every replica. */
export function identityOf(kind, key) {
  const hex = createHash('sha256').update(`${kind}:${key}`).digest('hex')
  const variant = '89ab'[parseInt(hex[16], 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
