// Package shop is a web shop of 47 real HTTP services in one process, made to
// break for real. It is the place where Nightkeeper is shown, tested and
// trained on: each service has its own listener on the loopback interface,
// worker slots, a queue, connection pools, timeouts, retries and circuit
// breakers, and sends its own traces, metrics and logs over OTLP/gRPC.
//
// A load generator plays the customers. Faults are switched on and off through
// the admin API, and so are the remedies: scale, resize a pool, open a breaker,
// cut the retries, restart, roll back. Nothing in the telemetry names a fault;
// who wants to know the cause has to find it.
//
// It is not a simulator: no outcome is computed. A slow service makes its
// queue grow, callers time out and retry, transactions keep their database
// connections while they wait, and the database refuses what is over its limit.
// It knows Nightkeeper only as an OTLP address.
//
// One fault lives through these states:
//
//	POST /faults ──> active ──DELETE, lease over, duration over──> ended
//	                   │
//	                   └──restart (crash, hang), rollback or deploy (bad_version)──> ended
//
// One circuit breaker:
//
//	closed ──too many failures──> open ──after OpenFor──> half-open ──probes ok──> closed
//	                               ^                          │
//	                               └────────a probe failed────┘
package shop
