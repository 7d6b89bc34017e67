// Package observe is the first phase: it has the words for telemetry (spans, log lines, metric series, deploys), the
// filter that every telemetry engine can answer, the live picture of who calls whom and how well (observe/graph), and
// the blast radius of a failing service. It is not a store and decides nothing about alerts: it keeps what was seen
// and answers questions about it. It may be blind (the engine is down) without any other phase failing.
package observe
