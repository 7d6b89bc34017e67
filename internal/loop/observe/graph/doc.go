// Package graph is the live picture of the fleet, counted from spans before any sampling: for each service and each call
// between two services, requests, failures and time in buckets of ten seconds over the last hour, and who calls whom. It
// answers "how was it then, how is it now" in microseconds, which is what detection, blast radius and diagnosis ask. It
// is not a store: long history lives in the metrics engine; Snapshot and Restore carry the window over a restart.
package graph
