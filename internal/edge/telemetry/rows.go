package telemetry

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"nightkeeper/internal/kit/errs"
)

const (
	flushInterval   = time.Second
	futureRetention = time.Hour
	// firstWindow is how far back a search for the newest rows looks at first; each further window is five times as
	// long. Sorting the whole range at once was measured 10 to 40 times slower when the newest rows are near.
	firstWindow = 5 * time.Minute
	maxRows     = 10_000
	defaultRows = 100
)

// rowStore keeps rows of fields by time in one directory of the row engine.
type rowStore struct {
	store     *logstorage.Storage
	dir       string
	retention time.Duration
	limit     int64 // bytes on disk; 0 is no limit
	used      atomic.Int64
	queries   chan struct{}
}

func openRows(dir string, cfg EngineConfig, limit int64) *rowStore {
	store := logstorage.MustOpenStorage(dir, &logstorage.StorageConfig{
		Retention:              cfg.Retention,
		FlushInterval:          flushInterval,
		FutureRetention:        futureRetention,
		MaxBackfillAge:         cfg.Retention,
		MinFreeDiskSpaceBytes:  cfg.MinFreeBytes,
		MaxDiskSpaceUsageBytes: limit,
		DefaultParallelReaders: 2,
	})
	return &rowStore{store: store, dir: dir, retention: cfg.Retention, limit: limit, queries: make(chan struct{}, 4)}
}

func (s *rowStore) close() { s.store.MustClose() }

// add writes the rows that fill produces. fill is called once with a function that adds one row; the first field of a
// row names its stream.
func (s *rowStore) add(fill func(add func(tenant logstorage.TenantID, at time.Time, fields []logstorage.Field))) {
	lr := logstorage.GetLogRows(nil, nil, nil, nil, "")
	defer logstorage.PutLogRows(lr)
	fill(func(tenant logstorage.TenantID, at time.Time, fields []logstorage.Field) {
		lr.MustAdd(tenant, at.UnixNano(), fields, 1)
		if lr.NeedFlush() {
			s.store.MustAddRows(lr)
			lr.ResetKeepSettings()
		}
	})
	s.store.MustAddRows(lr)
}

// newest calls emit with blocks of at most limit of the newest matching rows of [from, to) in no certain order. emit
// is never called by two goroutines at once and must not keep strings of the block.
func (s *rowStore) newest(ctx context.Context, tenant logstorage.TenantID, where string, from, to time.Time, limit int,
	emit func(*logstorage.DataBlock),
) error {
	select {
	case s.queries <- struct{}{}:
		defer func() { <-s.queries }()
	case <-ctx.Done():
		return queryEnded(ctx)
	}
	window := firstWindow
	for hi := to; limit > 0 && hi.After(from); window *= 5 {
		lo := hi.Add(-window)
		if lo.Before(from) {
			lo = from
		}
		n, err := s.run(ctx, tenant, where+" | sort by (_time desc) limit "+strconv.Itoa(limit), lo, hi, emit)
		if err != nil {
			return err
		}
		limit -= n
		hi = lo
	}
	return nil
}

// run runs one query over [from, to) and returns how many rows came out.
func (s *rowStore) run(ctx context.Context, tenant logstorage.TenantID, text string, from, to time.Time,
	emit func(*logstorage.DataBlock),
) (int, error) {
	q, err := logstorage.ParseQueryAtTimestamp(text, to.UnixNano())
	if err != nil {
		return 0, fmt.Errorf("parse %s: %w", text, err)
	}
	q.AddTimeFilter(from.UnixNano(), to.UnixNano()-1)
	var stats logstorage.QueryStats
	qctx := logstorage.NewQueryContext(ctx, &stats, []logstorage.TenantID{tenant}, q, false, nil)
	var mu sync.Mutex
	rows := 0
	err = s.store.RunQuery(qctx, func(_ uint, b *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		rows += b.RowsCount()
		emit(b)
	})
	if ctx.Err() != nil { // the engine answers a cancelled query with the rows it had, and no error
		return 0, queryEnded(ctx)
	}
	if err != nil {
		return 0, errs.Wrap(err, errs.Invalid, "the query needs more memory than telemetry may use; ask for a shorter time or fewer rows")
	}
	return rows, nil
}

// bounds completes the time range of a filter: everything kept until now.
func (s *rowStore) bounds(from, to, now time.Time) (time.Time, time.Time) {
	if to.IsZero() {
		to = now
	}
	if latest := now.Add(futureRetention); to.After(latest) {
		to = latest
	}
	if oldest := now.Add(-s.retention - 24*time.Hour); from.Before(oldest) {
		from = oldest
	}
	return from, to
}

// enforceCap measures the store and deletes its oldest days while it is over its limit, but never the newest day. The
// row engine does so too but keeps two days, which a small cap cannot afford.
func (s *rowStore) enforceCap() {
	for {
		var st logstorage.StorageStats
		s.store.UpdateStats(&st)
		used := int64(st.IndexdbSizeBytes + st.CompressedSmallPartSize + st.CompressedBigPartSize)
		s.used.Store(used)
		days := s.store.PartitionList()
		if s.limit <= 0 || used <= s.limit || len(days) < 2 {
			return
		}
		oldest := slices.Min(days)
		if err := s.store.PartitionDetach(oldest); err != nil {
			return // the engine's own watcher was faster
		}
		if err := os.RemoveAll(filepath.Join(s.dir, "partitions", oldest)); err != nil {
			return
		}
	}
}

func queryEnded(ctx context.Context) error {
	return errs.Wrap(ctx.Err(), errs.Unavailable, "telemetry query was stopped before it had an answer; ask for a shorter time")
}
