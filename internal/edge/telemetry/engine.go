package telemetry

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe"
)

// Defaults of an EngineConfig.
const (
	DefaultRetention   = 30 * 24 * time.Hour
	DefaultMemoryBytes = 512 << 20
	DefaultMinFree     = 256 << 20

	queryTimeout = 20 * time.Second
	maxAhead     = 10 * time.Minute // how far a clock may run ahead before its rows are refused
)

// EngineConfig says where telemetry is kept and how much of it.
type EngineConfig struct {
	Dir          string        // required
	Retention    time.Duration // older rows are deleted; default 30 days
	MaxBytes     int64         // cap of all data on disk, shared by the signals; 0 is no cap
	MinFreeBytes int64         // writes are refused when the file system has less free space; default 256 MiB
	MemoryBytes  int64         // what the process may use; default 512 MiB
	Log          *slog.Logger
}

func (c *EngineConfig) complete() error {
	if c.Dir == "" {
		return errs.New(errs.Invalid, "telemetry: Dir is required")
	}
	if c.Retention <= 0 {
		c.Retention = DefaultRetention
	}
	if c.MinFreeBytes <= 0 {
		c.MinFreeBytes = DefaultMinFree
	}
	if c.MemoryBytes <= 0 {
		c.MemoryBytes = DefaultMemoryBytes
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}

// Engine keeps metrics, logs and spans in one directory of one process. It may end the process when the disk fails;
// Host runs it where that does no harm.
type Engine struct {
	cfg     EngineConfig
	logs    *rowStore
	spans   *rowStore
	metrics *metricStore
	traces  *traceIndex
	stop    context.CancelFunc
	tidied  chan struct{}
	closed  sync.Once
}

var _ observe.Telemetry = (*Engine)(nil)

// The signals share the cap of bytes in these parts of ten.
const (
	logShare    = 4
	spanShare   = 4
	metricShare = 2
)

// Open opens the stores in cfg.Dir and creates them when they are missing.
func Open(cfg EngineConfig) (*Engine, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create telemetry directory: %w", err)
	}
	if err := setEngineFlags(cfg.MemoryBytes); err != nil {
		return nil, err
	}
	metrics, err := openMetrics(filepath.Join(cfg.Dir, "metrics"), cfg, cfg.MaxBytes/10*metricShare)
	if err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	e := &Engine{
		cfg:     cfg,
		metrics: metrics,
		logs:    openRows(filepath.Join(cfg.Dir, "logs"), cfg, cfg.MaxBytes/10*logShare),
		spans:   openRows(filepath.Join(cfg.Dir, "spans"), cfg, cfg.MaxBytes/10*spanShare),
		traces:  newTraceIndex(),
		tidied:  make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	go e.tidy(ctx)
	return e, nil
}

// Close flushes and closes the stores. It may be called twice; nothing else may be called after it.
func (e *Engine) Close() error {
	var err error
	e.closed.Do(func() {
		e.stop()
		<-e.tidied
		e.logs.close()
		e.spans.close()
		err = e.metrics.close()
	})
	return err
}

// touch returns when the locks of the stores can be had. An engine that is stuck does not return.
func (e *Engine) touch() {
	e.logs.store.PartitionList()
	e.spans.store.PartitionList()
	e.metrics.db.Blocks()
}

// Flush makes everything written so far visible to queries. Without it that takes about a second; it is for tests.
func (e *Engine) Flush() {
	e.logs.store.DebugFlush()
	e.spans.store.DebugFlush()
}

// tidy keeps the stores under their caps of bytes until ctx ends.
func (e *Engine) tidy(ctx context.Context) {
	defer close(e.tidied)
	t := time.NewTicker(5 * time.Second)
	defer t.Stop()
	for {
		e.logs.enforceCap()
		e.spans.enforceCap()
		e.metrics.measure()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// writable returns an error of code unavailable when the file system is nearly full or the signal has used its share.
func (e *Engine) writable(signal string, used, limit int64) error {
	// The check is the row engine's own, which caches the answer of the file system for two seconds.
	if e.logs.store.IsReadOnly() {
		return errs.New(errs.Unavailable, "telemetry storage is full: less than %s free on its disk", bytesText(e.cfg.MinFreeBytes))
	}
	if limit > 0 && used > limit {
		return errs.New(errs.Unavailable, "telemetry storage is full: %s take %s of the %s they may use",
			signal, bytesText(used), bytesText(limit))
	}
	return nil
}

// setEngineFlags configures the row engine, which knows no other way than global flags. They are set in
// flag.CommandLine of this process only, which our own command line does not use.
func setEngineFlags(memory int64) error {
	if !flag.Parsed() {
		if err := flag.CommandLine.Parse(nil); err != nil {
			return fmt.Errorf("parse engine flags: %w", err)
		}
	}
	return errors.Join(
		flag.Set("memory.allowedBytes", strconv.FormatInt(max(memory/10*3, 32<<20), 10)),
		flag.Set("loggerLevel", "WARN"),
		flag.Set("loggerWarnsPerSecondLimit", "1"),
	)
}

func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, i := float64(n)/unit, 0
	for v >= unit && i < 3 {
		v /= unit
		i++
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + [...]string{"KiB", "MiB", "GiB", "TiB"}[i]
}
