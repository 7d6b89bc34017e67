package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// DefaultQueueBytes bounds what waits for the engine while it is down.
const DefaultQueueBytes = 64 << 20

const (
	restarting   = "telemetry engine is restarting"
	drainTimeout = 5 * time.Second
	stopTimeout  = 30 * time.Second // a child that has not flushed and ended by then is killed
)

// HostConfig says how the engine is run. The fields that EngineConfig has too mean the same.
type HostConfig struct {
	Dir          string // required
	Retention    time.Duration
	MaxBytes     int64
	MinFreeBytes int64
	MemoryBytes  int64
	QueueBytes   int64    // default 64 MiB
	Command      []string // the child's command, to which flags are appended; default this program with "telemetry-engine"
	Env          []string // added to the child's environment
	Log          *slog.Logger
}

// Health is how the engine is.
type Health struct {
	Ready     bool
	Since     time.Time // of Ready being what it is
	Restarts  int       // starts after the first
	LastError string    // why it last died or refused a write; kept after recovery
	Queued    int64     // bytes that wait
	Dropped   int64     // rows lost: the queue was full, or the engine died of them again and again
	Rejected  int64     // rows refused by the engine because of their own faults
	PID       int       // of the child, 0 while there is none
}

// Host runs the engine in a child process and stands for it in this one. Writes go to a queue and never wait for the
// engine; questions are answered by it or fail at once.
type Host struct {
	cfg    HostConfig
	queues queues
	client *client
	socket string
	tmp    string // directory of the socket when the data directory's name is too long for one

	mu      sync.Mutex
	health  Health
	changed chan struct{} // closed and replaced when health.Ready changes
	started bool
	stopped bool

	endFeed, endChild context.CancelFunc
	fed               sync.WaitGroup
	supervised        chan struct{}
}

// queues has one queue a signal, so that one which cannot be written does not hold up the others.
type queues struct{ spans, logs, metrics *queue }

func (q queues) all() []*queue { return []*queue{q.spans, q.logs, q.metrics} }

var _ observe.Telemetry = (*Host)(nil)

// NewHost checks the configuration and completes it. It starts nothing.
func NewHost(cfg HostConfig) (*Host, error) {
	engine := EngineConfig{Dir: cfg.Dir, Retention: cfg.Retention, MinFreeBytes: cfg.MinFreeBytes, MemoryBytes: cfg.MemoryBytes, Log: cfg.Log}
	if err := engine.complete(); err != nil {
		return nil, err
	}
	cfg.Retention, cfg.MinFreeBytes, cfg.MemoryBytes, cfg.Log = engine.Retention, engine.MinFreeBytes, engine.MemoryBytes, engine.Log
	if cfg.QueueBytes <= 0 {
		cfg.QueueBytes = DefaultQueueBytes
	}
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own program: %w", err)
		}
		cfg.Command = []string{self, "telemetry-engine"}
	}
	return &Host{
		cfg: cfg,
		queues: queues{
			spans:   newQueue(cfg.QueueBytes / 2),
			logs:    newQueue(cfg.QueueBytes / 4),
			metrics: newQueue(cfg.QueueBytes / 4),
		},
		changed: make(chan struct{}),
		health:  Health{Since: time.Now()},
	}, nil
}

// Start starts the child in the background and returns at once; the engine is ready when Ready says so. Rows may be
// written before.
func (h *Host) Start(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.started {
		return errs.New(errs.Conflict, "telemetry host was started before")
	}
	if err := os.MkdirAll(h.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("create telemetry directory: %w", err)
	}
	if err := h.chooseSocket(); err != nil {
		return err
	}
	h.client = newClient(h.socket)
	h.started = true
	feedCtx, endFeed := context.WithCancel(context.Background())
	childCtx, endChild := context.WithCancel(context.Background())
	h.endFeed, h.endChild = endFeed, endChild
	h.supervised = make(chan struct{})
	go func() {
		defer close(h.supervised)
		h.keep(childCtx, "supervisor", func() { h.supervise(childCtx) })
	}()
	for _, q := range h.queues.all() {
		h.fed.Go(func() { h.keep(feedCtx, "feeder", func() { h.feed(feedCtx, q) }) })
	}
	return nil
}

// keep runs a part of the host until ctx ends. A panic, which would be a fault of ours, costs that part a second and
// not the program its life.
func (h *Host) keep(ctx context.Context, name string, run func()) {
	for ctx.Err() == nil {
		h.catch(name, run)
		if ctx.Err() == nil {
			wait(ctx, time.Second)
		}
	}
}

func (h *Host) catch(name string, run func()) {
	defer func() {
		if p := recover(); p != nil {
			h.cfg.Log.Error("part of the telemetry host panicked", "part", name, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	run()
}

// Stop sends what is queued, as long as ctx allows and the engine answers, then stops the child and waits for it. It
// may be called twice.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	run := h.started && !h.stopped
	h.stopped = true
	h.mu.Unlock()
	if !run {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if h.Ready() {
		drain, cancel := context.WithTimeout(ctx, drainTimeout)
		_ = h.Drained(drain) // what remains is reported below
		cancel()
	}
	h.endFeed()
	h.fed.Wait()
	if queued := h.Health().Queued; queued > 0 {
		h.cfg.Log.Warn("telemetry stopped with rows that were not written", "bytes", queued)
	}
	h.endChild()
	var err error
	select {
	case <-h.supervised:
	case <-ctx.Done():
		h.kill()
		<-h.supervised
		err = ctx.Err()
	}
	h.client.close()
	if h.tmp != "" {
		_ = os.RemoveAll(h.tmp)
	}
	return err
}

// Ready reports whether the engine answers.
func (h *Host) Ready() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.health.Ready
}

// Health returns how the engine is.
func (h *Host) Health() Health {
	h.mu.Lock()
	out := h.health
	h.mu.Unlock()
	for _, q := range h.queues.all() {
		bytes, dropped := q.counts()
		out.Queued += bytes
		out.Dropped += dropped
	}
	return out
}

// AwaitReady waits until the engine answers.
func (h *Host) AwaitReady(ctx context.Context) error { return h.await(ctx, true) }

func (h *Host) await(ctx context.Context, ready bool) error {
	for {
		h.mu.Lock()
		is, changed := h.health.Ready, h.changed
		h.mu.Unlock()
		if is == ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Drained waits until everything written so far was taken by the engine or dropped.
func (h *Host) Drained(ctx context.Context) error {
	for _, q := range h.queues.all() {
		if err := q.drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// WriteSpans queues spans. It returns how many were refused because of their own faults and the first reason, and
// never waits for the engine.
func (h *Host) WriteSpans(_ context.Context, spans []observe.Span) (rejected int, reason string, err error) {
	good, rej := sift(spans, func(s *observe.Span) string { return spanFault(s, time.Now(), h.cfg.Retention) })
	if len(good) > 0 {
		h.queues.spans.push(&batch{path: pathSpans, body: encodeSpans(good), rows: len(good)})
	}
	return rej.rows, rej.reason, nil
}

// WriteLogs queues log lines. It returns how many were refused because of their own faults and the first reason, and
// never waits for the engine.
func (h *Host) WriteLogs(_ context.Context, lines []observe.LogLine) (rejected int, reason string, err error) {
	good, rej := sift(lines, func(l *observe.LogLine) string { return lineFault(l, time.Now(), h.cfg.Retention) })
	if len(good) > 0 {
		h.queues.logs.push(&batch{path: pathLogs, body: encodeLines(good), rows: len(good)})
	}
	return rej.rows, rej.reason, nil
}

// WriteMetrics queues OTLP metrics. It returns how many points were refused because of their temporality; those that
// only the engine can refuse (out of order) are counted in Health. It never waits for the engine.
func (h *Host) WriteMetrics(_ context.Context, md pmetric.Metrics) (rejected int, reason string, err error) {
	var rej rejection
	rej.add(deltaPoints(md))
	points := md.DataPointCount() - rej.rows
	if points <= 0 {
		return rej.rows, rej.reason, nil
	}
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	if err != nil {
		return 0, "", errs.Wrap(err, errs.Invalid, "metrics cannot be encoded")
	}
	h.queues.metrics.push(&batch{path: pathMetrics, body: body, rows: points, rejected: rej.rows})
	return rej.rows, rej.reason, nil
}

// WriteSamples queues series of our own; the name of the metric is in the label __name__. It never waits for the
// engine.
func (h *Host) WriteSamples(_ context.Context, series []observe.Series) (rejected int, reason string, err error) {
	points := 0
	for i := range series {
		points += len(series[i].Points)
	}
	if points > 0 {
		h.queues.metrics.push(&batch{path: pathSamples, body: encodeSeries(series), rows: points})
	}
	return 0, "", nil
}

// Logs returns the newest matching log lines, newest first.
func (h *Host) Logs(ctx context.Context, f observe.Filter) ([]observe.LogLine, error) {
	return hostAsk(ctx, h, "/read/logs", question{Filter: f}, decodeLines)
}

// Spans returns the newest matching spans, newest first.
func (h *Host) Spans(ctx context.Context, f observe.Filter) ([]observe.Span, error) {
	return hostAsk(ctx, h, "/read/spans", question{Filter: f}, decodeSpans)
}

// Trace returns all spans of one trace in order of start, or an error with code not_found.
func (h *Host) Trace(ctx context.Context, traceID string) ([]observe.Span, error) {
	return hostAsk(ctx, h, "/read/trace", question{TraceID: traceID}, decodeSpans)
}

// Metrics evaluates a PromQL expression over [from, to] at the given step.
func (h *Host) Metrics(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]observe.Series, error) {
	return hostAsk(ctx, h, "/read/metrics", question{Query: query, From: from, To: to, Step: step}, decodeSeries)
}

func hostAsk[T any](ctx context.Context, h *Host, path string, q question, decode func([]byte) ([]T, error)) ([]T, error) {
	if !h.Ready() {
		return nil, errs.New(errs.Unavailable, restarting)
	}
	return ask(ctx, h.client, path, q, decode)
}

// sift separates the rows that can be kept; the usual batch has no others and is returned as it is.
func sift[T any](rows []T, fault func(*T) string) ([]T, rejection) {
	var rej rejection
	for i := range rows {
		why := fault(&rows[i])
		if why == "" {
			continue
		}
		good := append(make([]T, 0, len(rows)-1), rows[:i]...)
		rej.add(1, why)
		for j := i + 1; j < len(rows); j++ {
			if why := fault(&rows[j]); why != "" {
				rej.add(1, why)
			} else {
				good = append(good, rows[j])
			}
		}
		return good, rej
	}
	return rows, rej
}

// chooseSocket puts the socket into the data directory unless its path is longer than a unix address may be.
func (h *Host) chooseSocket() error {
	h.socket = filepath.Join(h.cfg.Dir, "engine.sock")
	if len(h.socket) < 100 {
		return nil
	}
	dir, err := os.MkdirTemp("", "nk-")
	if err != nil {
		return fmt.Errorf("make directory for socket: %w", err)
	}
	h.tmp, h.socket = dir, filepath.Join(dir, "engine.sock")
	return nil
}
