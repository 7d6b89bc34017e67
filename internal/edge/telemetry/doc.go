// Package telemetry is the embedded home of metrics, logs and spans: Prometheus' TSDB with PromQL for metrics, and the
// storage engine of VictoriaLogs for logs and spans, under VictoriaTraces' field names so that an outgrown
// installation finds its words again in the larger engine.
//
// The engines end their process when the disk fails them, so they live in a child process of the same binary and can
// die alone:
//
//	parent: Host ── queue (bounded, drops the oldest and counts it) ──┐
//	          │                                                        │ unix socket in the data directory
//	          └── queries (bounded by context and 20 s) ──┐            │
//	                                                      v            v
//	child:  Main ── Serve ── Engine ── metrics/ (TSDB), logs/ and spans/ (logstorage)
//
// The child's life, as the parent sees it:
//
//	          start                "ready" on stdout
//	stopped ────────> starting ─────────────────────> ready
//	   ^                 │  ^                           │
//	   │ Stop            │  │ back-off 100 ms .. 5 s    │ exit, or no answer to three pings
//	   └─────────────────┴──┴──────── restarting <──────┘
//
// It is not on the path of a page: nothing here blocks or fails its caller for longer than it takes to copy a batch
// into the queue, and every question may be answered with an error of code unavailable. It keeps no state of
// incidents and decides nothing.
//
// What a crash of the child costs: the rows of the last one to two seconds that the log engine had not flushed.
// Metrics have a write-ahead log and lose nothing.
package telemetry
